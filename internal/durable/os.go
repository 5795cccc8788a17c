package durable

import (
	"errors"
	"io"
	"os"
	"sync"
)

// OS is the disk of this machine.
var OS FS = osFS{}

type osFS struct{}

func (osFS) Create(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, wrap("durable: create", err)
	}
	return &osFile{f: f}, nil
}

func (osFS) Open(name string) (File, error) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, wrap("durable: open", err)
	}
	return &osFile{f: f}, nil
}

func (osFS) Rename(oldname, newname string) error {
	return wrap("durable: rename", os.Rename(oldname, newname))
}

// RenameNew leaves what has the new name by then alone, in one step where the file
// system can.
func (osFS) RenameNew(oldname, newname string) error {
	return wrap("durable: rename", renameNew(oldname, newname))
}

// linkNew is for a file system that cannot rename without replacing: a second name,
// which is never given twice, and then the first one goes. One that has no second names
// either (FAT, some shares) is looked at before.
func linkNew(oldname, newname string) error {
	err := os.Link(oldname, newname)
	if err == nil {
		return os.Remove(oldname)
	}
	if exists(err) {
		return err
	}
	if _, err := os.Lstat(newname); err == nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: os.ErrExist}
	}
	return os.Rename(oldname, newname)
}

func (osFS) Remove(name string) error {
	return wrap("durable: remove", os.Remove(name))
}

func (osFS) Mkdir(name string) error {
	err := os.Mkdir(name, 0o700)
	if exists(err) {
		if info, serr := os.Stat(name); serr == nil && info.IsDir() {
			return nil
		}
	}
	return wrap("durable: mkdir", err)
}

func (osFS) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, wrap("durable: list", err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

func (osFS) SyncDir(dir string) error {
	return wrap("durable: sync directory", syncDir(dir))
}

func (osFS) Free(dir string) (int64, error) {
	n, err := free(dir)
	return n, wrap("durable: free space", err)
}

// osFile is an open file that remembers a failed Sync.
type osFile struct {
	f *os.File

	mu     sync.Mutex // held for the length of a Sync
	failed error      // the first failure of Sync
}

func (f *osFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.f.ReadAt(p, off)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err // io.EOF goes through bare: readers compare it
	}
	return n, wrap("durable: read", err)
}

func (f *osFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.f.WriteAt(p, off)
	return n, wrap("durable: write", err)
}

func (f *osFile) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = wrap("durable: sync", f.f.Sync())
	}
	return f.failed
}

func (f *osFile) Truncate(size int64) error {
	return wrap("durable: truncate", f.f.Truncate(size))
}

func (f *osFile) Size() (int64, error) {
	info, err := f.f.Stat()
	if err != nil {
		return 0, wrap("durable: size", err)
	}
	return info.Size(), nil
}

func (f *osFile) Close() error {
	return wrap("durable: close", f.f.Close())
}

func (f *osFile) StartWriteback(offset, length int64) {
	startWriteback(f.f, offset, length)
}
