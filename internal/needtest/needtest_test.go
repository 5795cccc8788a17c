package needtest_test

import (
	"path/filepath"
	"testing"

	"sealgate/internal/needtest"
)

func TestProgram(t *testing.T) {
	if path := needtest.Program(t, "go"); !filepath.IsAbs(path) {
		t.Errorf("go is at %q", path)
	}
}

func TestMissingSkipsButFailsInCI(t *testing.T) {
	for ci, want := range map[string]string{"": "skipped", "true": "failed", "1": "failed"} {
		t.Setenv("CI", ci)
		r := &recorder{TB: t}
		func() {
			defer func() { _ = recover() }() // where a real test would have ended
			needtest.Program(r, "no-such-program")
		}()
		if r.outcome != want {
			t.Errorf("with CI=%q the test is %q, want %q", ci, r.outcome, want)
		}
	}
}

// recorder notes how a test ends, and ends it by a panic.
type recorder struct {
	testing.TB
	outcome string
}

func (r *recorder) Fatalf(string, ...any) { r.end("failed") }
func (r *recorder) Skipf(string, ...any)  { r.end("skipped") }

func (r *recorder) end(outcome string) {
	r.outcome = outcome
	panic(outcome)
}
