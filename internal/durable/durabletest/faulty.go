// Package durabletest holds disks that fail: Faulty plays one failed operation
// over any durable.FS, PowerCut is a disk in memory that forgets what was
// never synced. Only tests import it.
package durabletest

import (
	"sync"
	"syscall"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// Op is a kind of operation that can be made to fail.
type Op string

// The operations of a disk and its files.
const (
	Create   Op = "create"
	Open     Op = "open"
	Rename   Op = "rename"
	Remove   Op = "remove"
	Mkdir    Op = "mkdir"
	SyncDir  Op = "syncdir"
	Write    Op = "write"
	Sync     Op = "sync"
	Truncate Op = "truncate"
)

// Ops lists every Op, for tests that go through all of them.
var Ops = []Op{Create, Open, Rename, Remove, Mkdir, SyncDir, Write, Sync, Truncate}

// How tells what became of an operation that reported failure.
type How bool

// A failed operation has left no trace, or was carried out and its answer
// lost. The second is where duplicates are born.
const (
	NotStored How = false
	Stored    How = true
)

// Errors that a test may want to see handled.
var (
	ErrIO   = fault.Wrap(fault.Internal, "durabletest", syscall.EIO)
	ErrFull = fault.Wrap(fault.Full, "durabletest", syscall.ENOSPC)
)

// Faulty passes operations on to another disk and fails the one it is armed
// for. It is safe for concurrent use.
type Faulty struct {
	fs durable.FS

	mu    sync.Mutex
	count map[Op]int
	armed map[Op]failure
	fired int
	room  *int64
}

type failure struct {
	at  int // fails when count reaches it
	how How
	err error
}

// NewFaulty returns a disk over fs that does not fail yet.
func NewFaulty(fs durable.FS) *Faulty {
	return &Faulty{fs: fs, count: map[Op]int{}, armed: map[Op]failure{}}
}

// Fail makes the nth op from now (1 is the next) fail with err, once.
func (d *Faulty) Fail(op Op, nth int, how How, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed[op] = failure{at: d.count[op] + nth, how: how, err: err}
}

// Fired returns how many failures have been played.
func (d *Faulty) Fired() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fired
}

// Count returns how many operations of this kind were asked for.
func (d *Faulty) Count(op Op) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count[op]
}

// next counts op and returns the failure to play for it; its err is nil when
// there is none.
func (d *Faulty) next(op Op) failure {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count[op]++
	f, ok := d.armed[op]
	if !ok || f.at != d.count[op] {
		return failure{}
	}
	delete(d.armed, op)
	d.fired++
	return f
}

// play runs do, or fails it as armed.
func (d *Faulty) play(op Op, do func() error) error {
	f := d.next(op)
	if f.err == nil {
		return do()
	}
	if f.how == Stored {
		if err := do(); err != nil {
			return err
		}
	}
	return f.err
}

// Create is durable.FS.
func (d *Faulty) Create(name string) (durable.File, error) {
	return d.file(Create, name, d.fs.Create)
}

// Open is durable.FS.
func (d *Faulty) Open(name string) (durable.File, error) {
	return d.file(Open, name, d.fs.Open)
}

func (d *Faulty) file(op Op, name string, open func(string) (durable.File, error)) (durable.File, error) {
	var f durable.File
	err := d.play(op, func() (err error) {
		f, err = open(name)
		return err
	})
	if err != nil {
		if f != nil {
			_ = f.Close()
		}
		return nil, err
	}
	return &faultyFile{File: f, disk: d}, nil
}

// Rename is durable.FS.
func (d *Faulty) Rename(oldname, newname string) error {
	return d.play(Rename, func() error { return d.fs.Rename(oldname, newname) })
}

// RenameNew is durable.FS.
func (d *Faulty) RenameNew(oldname, newname string) error {
	return d.play(Rename, func() error { return d.fs.RenameNew(oldname, newname) })
}

// Remove is durable.FS.
func (d *Faulty) Remove(name string) error {
	return d.play(Remove, func() error { return d.fs.Remove(name) })
}

// Mkdir is durable.FS.
func (d *Faulty) Mkdir(name string) error {
	return d.play(Mkdir, func() error { return d.fs.Mkdir(name) })
}

// SyncDir is durable.FS.
func (d *Faulty) SyncDir(dir string) error {
	return d.play(SyncDir, func() error { return d.fs.SyncDir(dir) })
}

// SetFree makes the disk say that it has n bytes of room left. It does not
// keep anybody from writing more.
func (d *Faulty) SetFree(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = &n
}

// Free is durable.Freer.
func (d *Faulty) Free(dir string) (int64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.room != nil {
		return *d.room, nil
	}
	return durable.Free(d.fs, dir)
}

// List is durable.FS; it does not fail.
func (d *Faulty) List(dir string) ([]string, error) { return d.fs.List(dir) }

// faultyFile keeps the promise of durable.File: once a Sync has failed, every
// later one fails.
type faultyFile struct {
	durable.File
	disk *Faulty

	mu     sync.Mutex
	failed error
}

func (f *faultyFile) WriteAt(p []byte, off int64) (n int, err error) {
	err = f.disk.play(Write, func() (err error) {
		n, err = f.File.WriteAt(p, off)
		return err
	})
	if err != nil && n == len(p) {
		n = 0 // the answer was lost, and the count with it
	}
	return n, err
}

func (f *faultyFile) Sync() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = f.disk.play(Sync, f.File.Sync)
	}
	return f.failed
}

func (f *faultyFile) Truncate(size int64) error {
	return f.disk.play(Truncate, func() error { return f.File.Truncate(size) })
}
