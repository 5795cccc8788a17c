// Package logfile is a log that does not grow for ever: a file that is put aside when
// it is full, and a few older ones beside it.
package logfile

import (
	"fmt"
	"os"
	"sync"

	"sealgate/internal/fault"
)

const (
	full = 5 << 20 // bytes of one file
	kept = 5       // older ones: NAME.1 is the newest
)

// File is an open log. It is safe for concurrent use.
type File struct {
	mu   sync.Mutex
	name string
	max  int64
	f    *os.File
	size int64
}

// Open opens the log at name, to append to it.
func Open(name string) (*File, error) { return open(name, full) }

func open(name string, most int64) (*File, error) {
	l := &File{name: name, max: most}
	return l, fault.Wrap(fault.Internal, "logfile: open", l.reopen())
}

func (l *File) reopen() error {
	f, err := os.OpenFile(l.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	l.f, l.size = f, info.Size()
	return nil
}

// Write implements io.Writer. When the file cannot be put aside, as on Windows while
// somebody reads it, it grows on.
func (l *File) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.size+int64(len(p)) > l.max && l.size > 0 {
		l.rotate()
	}
	if l.f == nil {
		if err := l.reopen(); err != nil {
			return 0, err
		}
	}
	n, err := l.f.Write(p)
	l.size += int64(n)
	return n, err
}

func (l *File) rotate() {
	if l.f != nil {
		_ = l.f.Close()
		l.f = nil
	}
	for i := kept - 1; i > 0; i-- {
		_ = os.Rename(older(l.name, i), older(l.name, i+1))
	}
	_ = os.Rename(l.name, older(l.name, 1))
}

func older(name string, i int) string { return fmt.Sprintf("%s.%d", name, i) }

// Close closes the log.
func (l *File) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.f == nil {
		return nil
	}
	return l.f.Close()
}
