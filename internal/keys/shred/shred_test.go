package shred

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
)

// put writes a file and returns a second name for its blocks, which shows what
// becomes of them.
func put(t *testing.T, name string) (remnant string) {
	t.Helper()
	if err := os.WriteFile(name, []byte("a secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	remnant = filepath.Join(t.TempDir(), "remnant")
	if err := os.Link(name, remnant); err != nil {
		t.Fatal(err)
	}
	return remnant
}

func left(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.Trim(b, "\x00"))
}

func TestOldContentIsOverwritten(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	remnant := put(t, name)
	if err := Replace(durable.OS, name, []byte("another")); err != nil {
		t.Fatal(err)
	}
	if left(t, name) != "another" || left(t, remnant) != "" {
		t.Errorf("the file has %q, its old blocks %q", left(t, name), left(t, remnant))
	}
	remnant = put(t, name)
	half := put(t, name+durable.TempSuffix) // a crash left it
	if err := Destroy(durable.OS, name); err != nil {
		t.Fatal(err)
	}
	for _, r := range []string{remnant, half} {
		if left(t, r) != "" {
			t.Errorf("left in destroyed blocks: %q", left(t, r))
		}
	}
	if names, err := os.ReadDir(filepath.Dir(name)); err != nil || len(names) != 0 {
		t.Errorf("left: %v, %v", names, err)
	}
	if err := Destroy(durable.OS, name); err != nil {
		t.Errorf("twice: %v", err)
	}
}

// Whatever fails in a destruction, done or not done: a sweep finishes it, and no
// reader ever finds half a file.
func TestAFailedDestructionIsFinishedBySweep(t *testing.T) {
	for _, op := range durabletest.Ops {
		for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
			if op == durabletest.Open && how == durabletest.Stored {
				continue // opening leaves nothing behind
			}
			for nth := 1; ; nth++ {
				dir := t.TempDir()
				name := filepath.Join(dir, "file")
				remnant := put(t, name)
				disk := durabletest.NewFaulty(durable.OS)
				disk.Fail(op, nth, how, durabletest.ErrIO)
				err := Destroy(disk, name)
				if disk.Fired() > 0 && err == nil {
					t.Errorf("%v %v %d: the failure was swallowed", op, how, nth)
				}
				if b, err := os.ReadFile(name); err == nil && string(b) != "a secret" {
					t.Errorf("%v %v %d: a reader finds %q", op, how, nth, b)
				}
				if err := Sweep(durable.OS, dir, func(name string) bool { return name == "file" }); err != nil {
					t.Fatal(err)
				}
				if err := Destroy(durable.OS, name); err != nil { // where the rename had failed
					t.Fatal(err)
				}
				if names, _ := os.ReadDir(dir); len(names) > 0 || left(t, remnant) != "" && op != durabletest.Remove {
					t.Errorf("%v %v %d: left %v and %q", op, how, nth, names, left(t, remnant))
				}
				if disk.Fired() == 0 {
					break
				}
			}
		}
	}
}

func TestASweepTouchesItsOwnOnly(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"file", "file.gone", "file.tmp", "theirs.gone", "theirs.tmp"} {
		put(t, filepath.Join(dir, name))
	}
	if err := Sweep(durable.OS, dir, func(name string) bool { return name == "file" }); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 3 {
		t.Errorf("left: %v, %v", names, err)
	}
}
