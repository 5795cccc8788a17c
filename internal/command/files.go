package command

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"sealgate/internal/fault"
)

// Absent refuses names that are taken.
func Absent(names ...string) error {
	for _, name := range names {
		if _, err := os.Lstat(name); err == nil {
			return fault.New(fault.Exists, "write", "%s is there already; nothing was overwritten", name)
		}
	}
	return nil
}

// WriteSecret makes a new file of mode 0600 and syncs it; one that is there is
// left alone.
func WriteSecret(name string, text []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Exists, "write", "%s is there already; nothing was overwritten", name)
	}
	if err != nil {
		return Local(name, err)
	}
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(name)
		return fault.Wrap(fault.Internal, "write "+name, err)
	}
	return nil
}

// ReadText reads a file named by a flag.
func ReadText(name string) (string, error) {
	return ReadKey(name, func(text []byte) (string, error) { return string(text), nil })
}

// ReadLimited reads a file of at most this many bytes.
func ReadLimited(name string, limit int64) ([]byte, error) {
	f, _, err := OpenLocal(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fault.New(fault.TooLarge, "read", "%s is larger than %d bytes", name, limit)
	}
	return text, Local(name, err)
}

// maxKeyFile bounds a key file: none of ours comes near.
const maxKeyFile = 1 << 20

// ReadKey reads and parses a key file, and names it when it is no good.
func ReadKey[K any](name string, parse func([]byte) (K, error)) (K, error) {
	var none K
	f, _, err := OpenLocal(name)
	if err != nil {
		return none, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	defer clear(text)
	if err != nil {
		return none, Local(name, err)
	}
	key, err := parse(text)
	if err != nil {
		return none, fault.New(fault.KindOf(err), "key", "%s: %s", name, fault.Message(err))
	}
	return key, nil
}

// OpenLocal opens a file that somebody named on the command line.
func OpenLocal(name string) (*os.File, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, Local(name, err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fault.New(fault.Invalid, "open", "%s is a directory", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// Local gives an error about a file of this machine its kind and its name.
func Local(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "open", "there is no file %s", name)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Denied, "open", "%s may not be read", name)
	}
	return err
}
