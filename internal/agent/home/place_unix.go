//go:build unix

package home

import (
	"os"
	"path/filepath"
	"runtime"
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

// protect closes a directory that was there already to others.
func protect(dir string) error { return os.Chmod(dir, 0o700) }

// wrapSecret and openSecret are for key stores that a file's mode replaces here.
func wrapSecret(b []byte) ([]byte, error) { return b, nil }
func openSecret(b []byte) ([]byte, error) { return b, nil }
