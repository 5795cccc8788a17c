package keys

import (
	"errors"
	"path/filepath"
	"strings"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
)

// The suffix of a file whose destruction has begun: it is gone for every
// reader, and the next Open takes away what a crash left of it.
const goneSuffix = ".gone"

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// write makes data the content of the store's file name, durably and in one
// step, and overwrites what stood there before.
func (s *Store) write(name string, data []byte) error {
	if s.broken != nil {
		return s.broken
	}
	return replaceFile(s.fs, s.path(name), data)
}

// replaceFile is durable.WriteFile that overwrites the old content after the
// new one is durable: the handle still reaches it when the name does not.
func replaceFile(fs durable.FS, name string, data []byte) error {
	old, err := fs.Open(name)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	err = durable.WriteFile(fs, name, data)
	if old == nil {
		return err
	}
	if err != nil {
		return errors.Join(err, old.Close())
	}
	return overwrite(old)
}

// destroy makes name unreadable and takes it away. The rename comes first, so
// that no crash leaves half a key file under a name that somebody reads.
func (s *Store) destroy(name string) error {
	if s.broken != nil {
		return s.broken
	}
	if err := s.finishDestroy(name + durable.TempSuffix); err != nil {
		return err
	}
	switch err := s.fs.Rename(s.path(name), s.path(name+goneSuffix)); {
	case fault.Is(err, fault.NotFound):
	case err != nil:
		return err
	default:
		if err := s.fs.SyncDir(s.dir); err != nil {
			return err
		}
		killpoint.At("destroy.set-aside")
	}
	return s.finishDestroy(name + goneSuffix)
}

// finishDestroy overwrites and removes name; gone already is fine.
func (s *Store) finishDestroy(name string) error {
	f, err := s.fs.Open(s.path(name))
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := overwrite(f); err != nil {
		return err
	}
	if err := s.fs.Remove(s.path(name)); err != nil {
		return err
	}
	return s.fs.SyncDir(s.dir)
}

// overwrite fills f with zeros, syncs and closes it.
func overwrite(f durable.File) error {
	size, err := f.Size()
	if err == nil {
		_, err = f.WriteAt(make([]byte, size), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// sweep finishes destructions and takes away half-written files.
func (s *Store) sweep() error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		base, ours := strings.CutSuffix(name, goneSuffix)
		if !ours {
			base, ours = strings.CutSuffix(name, durable.TempSuffix)
		}
		if !ours || !isStoreName(base) {
			continue
		}
		if err := s.finishDestroy(name); err != nil {
			return err
		}
	}
	return nil
}

// isStoreName tells the store's own files from what others put there.
func isStoreName(name string) bool {
	return name == storeFile || name == bundleFile || name == copyFile || isKeyFile(name)
}

func isKeyFile(name string) bool {
	if name == gatewayFile {
		return true
	}
	if _, ok := parseAccountFile(name); ok {
		return true
	}
	_, _, ok := parseIngestFile(name)
	return ok
}
