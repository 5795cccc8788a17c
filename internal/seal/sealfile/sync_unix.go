//go:build !windows

package sealfile

import (
	"errors"
	"os"

	"sealgate/internal/fault"
)

// syncDir makes a new name durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fault.Wrap(fault.Internal, "seal: write", err)
	}
	return fault.Wrap(fault.Internal, "seal: write", errors.Join(d.Sync(), d.Close()))
}
