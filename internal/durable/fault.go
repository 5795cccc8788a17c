package durable

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"

	"sealgate/internal/fault"
)

// wrap gives an error of the operating system its kind.
func wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(kindOf(err), op, err)
}

func kindOf(err error) fault.Kind {
	switch {
	case isFull(err):
		return fault.Full
	case errors.Is(err, fs.ErrNotExist):
		return fault.NotFound
	case errors.Is(err, fs.ErrExist):
		return fault.Exists
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fault.TryLater
	default:
		return fault.Internal
	}
}

func exists(err error) bool { return errors.Is(err, fs.ErrExist) }

func tooLarge(name string, size, limit int64) error {
	return fault.New(fault.TooLarge, "durable: read", "%s has %d bytes, more than %d", filepath.Base(name), size, limit)
}
