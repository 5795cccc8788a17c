package durable

import (
	"os"
	"path/filepath"

	"sealgate/internal/fault"
)

// Lock is held by the one process that works on a directory.
type Lock struct{ f *os.File }

// LockDir takes the lock of dir, a file named "lock" in it, and fails with
// TryLater when another process holds it. The operating system lets go of it
// when the process ends, however it ends.
func LockDir(dir string) (*Lock, error) {
	const op = "durable: lock"
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, wrap(op, err)
	}
	held, err := tryLock(f)
	if err == nil && !held {
		err = fault.New(fault.TryLater, op, "another process is working on this data directory")
	}
	if err != nil {
		f.Close()
		return nil, wrap(op, err)
	}
	return &Lock{f}, nil
}

// Unlock gives the lock back. The file stays: removing it would let two
// processes hold locks on two files of one name.
func (l *Lock) Unlock() error { return wrap("durable: unlock", l.f.Close()) }
