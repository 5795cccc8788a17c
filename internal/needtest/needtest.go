// Package needtest says what happens to a test that needs something this machine
// does not have: it is skipped on a developer's machine, and fails where CI is
// set, so that CI never passes by testing less. No other package skips a test.
package needtest

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the path of a program that the test drives.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, "%s is not installed: make deps", name)
	}
	return path
}

// Missing ends a test that lacks what it needs, for the reason given.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
