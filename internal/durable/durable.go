// Package durable is the file layer under the vault and the key store: the few
// operations on disk that a promise of durability is made of, behind a seam
// narrow enough to play every fault.
//
// What is durable when:
//
//   - the bytes of a file, once its Sync has returned nil;
//   - the name of a file or directory, and the absence of a removed or renamed
//     one, once SyncDir of its directory has returned nil.
//
// Nothing else is promised, and callers must not lean on what one file system
// happens to do beyond it.
//
// A failed fsync is never retried. Linux reports a lost page once and then
// calls it clean, so a second fsync that succeeds proves nothing (Rebello et
// al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020). A
// File therefore remembers: after one failed Sync each later one fails too.
//
// Errors are faults: Full for a full disk or quota, NotFound and Exists for
// names (errors.Is with fs.ErrNotExist and fs.ErrExist works too), TryLater
// when the process has no file descriptors left, Internal for the rest. After
// any error from Rename, Remove or SyncDir the change may or may not have been
// made; package durabletest plays both.
package durable

import (
	"errors"
	"io"
	"math"
	"path/filepath"
)

// FS is a disk. Names are full paths.
type FS interface {
	Create(name string) (File, error) // a new file (O_CREATE|O_EXCL), readable by its owner only
	Open(name string) (File, error)   // an existing one, for reading and writing
	Rename(oldname, newname string) error
	RenameNew(oldname, newname string) error // Exists when newname is taken
	Remove(name string) error
	Mkdir(name string) error           // for its owner only; one that is there already is fine
	List(dir string) ([]string, error) // the base names in dir, sorted
	SyncDir(dir string) error          // makes the names in dir durable
}

// File is an open file. It is safe for concurrent use at different offsets.
type File interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
	Close() error // without Sync: nothing is promised about unsynced writes
}

// Writebacker is a File that can be told to begin writing a range to the
// medium, so that the Sync at the end of a large file does not have to wait
// for all of it. It promises nothing about durability.
type Writebacker interface {
	StartWriteback(offset, length int64)
}

// StartWriteback begins writing a range of f to the medium where the platform
// can, and does nothing where it cannot.
func StartWriteback(f File, offset, length int64) {
	if w, ok := f.(Writebacker); ok {
		w.StartWriteback(offset, length)
	}
}

// Freer is an FS that knows how much room it has.
type Freer interface {
	Free(dir string) (int64, error)
}

// Free returns the bytes that this process may still write to the file system
// that holds dir; an FS that cannot tell has endless room.
func Free(fs FS, dir string) (int64, error) {
	if f, ok := fs.(Freer); ok {
		return f.Free(dir)
	}
	return math.MaxInt64, nil
}

// TempSuffix is appended to a name while WriteFile makes its new content. A
// crash can leave such a file behind; the next WriteFile of the same name
// takes it away, and whoever destroys a file destroys name+TempSuffix too.
const TempSuffix = ".tmp"

// WriteFile makes data the content of name, durably and in one step: a crash
// leaves the old content or the new. When it fails, the new content may
// nevertheless be in place. One WriteFile at a time for each name.
func WriteFile(fs FS, name string, data []byte) error {
	temp := name + TempSuffix
	f, err := createOver(fs, temp)
	if err != nil {
		return err
	}
	if err := fill(f, data); err != nil {
		return errors.Join(err, fs.Remove(temp))
	}
	if err := fs.Rename(temp, name); err != nil {
		return errors.Join(err, fs.Remove(temp))
	}
	return fs.SyncDir(filepath.Dir(name))
}

// createOver creates name, taking away what a crash left there.
func createOver(fs FS, name string) (File, error) {
	f, err := fs.Create(name)
	if !exists(err) {
		return f, err
	}
	if err := fs.Remove(name); err != nil {
		return nil, err
	}
	return fs.Create(name)
}

// fill writes and syncs f, and closes it whatever happens.
func fill(f File, data []byte) error {
	_, err := f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// ReadFile returns the content of name, which must not be longer than limit.
func ReadFile(fs FS, name string, limit int64) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, tooLarge(name, size, limit)
	}
	data := make([]byte, size)
	if n, err := f.ReadAt(data, 0); n < len(data) {
		return nil, wrap("durable: read", err)
	}
	return data, nil
}
