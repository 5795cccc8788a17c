//go:build unix

package home

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// place is where Connect lives unless somebody says otherwise: as a service in the
// machine's place, for a person in his own.
func place(func(string) string) (string, error) {
	if os.Geteuid() == 0 {
		if runtime.GOOS == "darwin" {
			return "/Library/Application Support/Sealgate Connect", nil
		}
		return "/var/lib/sealgate-connect", nil
	}
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "sealgate-connect"), err
}

// protect closes a directory that was there already to others. The administrator
// takes one of another account (the service's) only where nobody else makes any.
func protect(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	above, err := os.Stat(filepath.Dir(dir))
	if err != nil {
		return err
	}
	if !info.IsDir() || owner(info) != os.Geteuid() && (owner(above) != 0 || above.Mode().Perm()&0o022 != 0) {
		return fmt.Errorf("%s was made by another account; look into it, and take it away", dir)
	}
	return os.Chmod(dir, 0o700)
}

func owner(info os.FileInfo) int {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(s.Uid)
	}
	return -1
}

// wrapSecret and openSecret are for key stores that a file's mode replaces here.
func wrapSecret(b []byte) ([]byte, error) { return b, nil }
func openSecret(b []byte) ([]byte, error) { return b, nil }
