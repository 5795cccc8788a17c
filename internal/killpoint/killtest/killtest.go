// Package killtest lets the test of a package die at the package's own kill points: the
// test's program is built once more, as it ships, and run as a child that is killed.
package killtest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"
	"testing"

	_ "sealgate/internal/killpoint/armed"
)

// Points are the kill points in the package whose test calls it, sorted.
func Points(t testing.TB) (names []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources here: %v", err)
	}
	call := regexp.MustCompile(`killpoint\.At\("([^"]+)"\)`)
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllSubmatch(text, -1) {
			names = append(names, string(m[1]))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Build builds the test of the package whose test calls it without the race detector,
// and returns the program: one that dies often should not be slow. Its kill points come
// with this package.
func Build(t testing.TB) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "mortal.test")
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-o", out, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the test with kill points does not build: %v\n%s", err, text)
	}
	return out
}

// Dies runs one test of a program that Build made, with point (NAME or NAME:N) to die
// at, and reports whether it did. A child that ends in another way than by its own
// death or well fails the test.
func Dies(t testing.TB, program, test, point string, env ...string) bool {
	t.Helper()
	cmd := exec.Command(program, "-test.run", "^"+test+"$")
	cmd.Env = append(append(os.Environ(), "SEALGATE_KILL_AT="+point), env...)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGKILL {
			return true
		}
	}
	if err != nil {
		t.Fatalf("at %s: %v\n%s", point, err, text)
	}
	return false
}
