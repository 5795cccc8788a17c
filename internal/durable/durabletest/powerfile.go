package durabletest

import (
	"errors"
	"io"
	"slices"
)

// cutFile is an open file of a PowerCut disk.
type cutFile struct {
	disk *PowerCut
	boot int
	node *node
}

// lock enters the disk; the caller unlocks it whatever is returned.
func (f *cutFile) lock() error {
	f.disk.mu.Lock()
	if f.boot != f.disk.boot {
		return ErrPowerCut
	}
	return f.disk.power()
}

// lockChange is lock for an operation that changes the disk.
func (f *cutFile) lockChange() error {
	f.disk.mu.Lock()
	if f.boot != f.disk.boot {
		return ErrPowerCut
	}
	return f.disk.change()
}

func (f *cutFile) ReadAt(p []byte, off int64) (int, error) {
	err := f.lock()
	defer f.disk.mu.Unlock()
	switch {
	case err != nil:
		return 0, err
	case off < 0:
		return 0, errors.New("durabletest: negative offset")
	case off >= int64(len(f.node.data)):
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt keeps a write as edits of one block each, so that a crash tears it.
func (f *cutFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.lockChange()
	defer f.disk.mu.Unlock()
	switch {
	case err != nil:
		return 0, err
	case off < 0:
		return 0, errors.New("durabletest: negative offset")
	}
	for rest, at := p, off; len(rest) > 0; {
		n := min(len(rest), int(block-at%block))
		e := edit{at, slices.Clone(rest[:n])}
		f.node.data = e.apply(f.node.data)
		f.node.pending = append(f.node.pending, e)
		rest, at = rest[n:], at+int64(n)
	}
	return len(p), nil
}

func (f *cutFile) Sync() error {
	err := f.lockChange()
	defer f.disk.mu.Unlock()
	if err != nil {
		return err
	}
	f.node.synced, f.node.pending = slices.Clone(f.node.data), nil
	return nil
}

func (f *cutFile) Truncate(size int64) error {
	err := f.lockChange()
	defer f.disk.mu.Unlock()
	switch {
	case err != nil:
		return err
	case size < 0:
		return errors.New("durabletest: negative size")
	}
	e := edit{off: size}
	f.node.data = e.apply(f.node.data)
	f.node.pending = append(f.node.pending, e)
	return nil
}

func (f *cutFile) Size() (int64, error) {
	err := f.lock()
	defer f.disk.mu.Unlock()
	return int64(len(f.node.data)), err
}

func (f *cutFile) Close() error { return nil }
