// Package shred replaces and removes files so that their old content does not
// stay on the medium as it was: it is overwritten with zeros and fsynced before
// its blocks are let go.
//
// What a medium keeps all the same (solid-state disks and copy-on-write file
// systems do), and what was in the blocks of a file at the moment of a crash,
// is beyond it: the key store wraps everything by the master key for that.
package shred

import (
	"errors"
	"path/filepath"
	"strings"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
)

// GoneSuffix is that of a file whose destruction has begun: it is gone for
// every reader, and Sweep takes away what a crash left of it.
const GoneSuffix = ".gone"

// Replace is durable.WriteFile that overwrites the old content after the new
// one is durable: the handle still reaches it when the name does not.
func Replace(fs durable.FS, name string, data []byte) error {
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

// Destroy makes name unreadable and takes it away; gone already is fine. The
// rename comes first, so that no crash leaves half a file under a name that
// somebody reads.
func Destroy(fs durable.FS, name string) error {
	if err := finish(fs, name+durable.TempSuffix); err != nil {
		return err
	}
	switch err := fs.Rename(name, name+GoneSuffix); {
	case fault.Is(err, fault.NotFound):
	case err != nil:
		return err
	default:
		if err := fs.SyncDir(filepath.Dir(name)); err != nil {
			return err
		}
		killpoint.At("destroy.set-aside")
	}
	return finish(fs, name+GoneSuffix)
}

// Sweep finishes what a crash left of destructions and half-written files in
// dir. ours tells the names of files that are handled in this way from others.
func Sweep(fs durable.FS, dir string, ours func(name string) bool) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		base, left := strings.CutSuffix(name, GoneSuffix)
		if !left {
			base, left = strings.CutSuffix(name, durable.TempSuffix)
		}
		if !left || !ours(base) {
			continue
		}
		if err := finish(fs, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// finish overwrites and removes name; gone already is fine.
func finish(fs durable.FS, name string) error {
	f, err := fs.Open(name)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := overwrite(f); err != nil {
		return err
	}
	if err := fs.Remove(name); err != nil {
		return err
	}
	return fs.SyncDir(filepath.Dir(name))
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
