package durabletest

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

func write(t *testing.T, d durable.FS, name string, data []byte, sync bool) durable.File {
	t.Helper()
	f, err := d.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := f.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// The disk is only a test if each loss it may play does happen, and if nothing
// that was made durable is ever lost.
func TestCrashLosesAllThatMayBeLostAndNothingElse(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	old, young := bytes.Repeat([]byte{1}, 4*block), bytes.Repeat([]byte{2}, 4*block)
	seen := map[string]bool{}
	for range 500 {
		d := NewPowerCut("/d")
		f := write(t, d, "/d/kept", old, true)
		if err := d.SyncDir("/d"); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(young, 0); err != nil {
			t.Fatal(err)
		}
		write(t, d, "/d/unnamed", young, true)
		d.Crash(rng)

		got, err := durable.ReadFile(d, "/d/kept", 1<<20)
		if err != nil || len(got) != len(old) {
			t.Fatalf("a durable file: %d bytes, %v", len(got), err)
		}
		blocks := ""
		for i := 0; i < len(got); i += block {
			if !bytes.Equal(got[i:i+block], old[:block]) && !bytes.Equal(got[i:i+block], young[:block]) {
				t.Fatal("a block was torn")
			}
			blocks += string('0' + rune(got[i]))
		}
		seen[blocks] = true
		got, err = durable.ReadFile(d, "/d/unnamed", 1<<20)
		switch {
		case fault.Is(err, fault.NotFound):
			seen["gone"] = true
		case err == nil && bytes.Equal(got, young):
			seen["named"] = true
		default:
			t.Fatalf("synced content under an unsynced name: %d bytes, %v", len(got), err)
		}
	}
	if len(seen) != 16+2 {
		t.Errorf("%d different losses played, want 18", len(seen))
	}
}

func TestSyncedRemoveStaysRemoved(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	back := false
	for range 100 {
		d := NewPowerCut("/d")
		write(t, d, "/d/a", []byte("a"), true)
		write(t, d, "/d/b", []byte("b"), true)
		_ = d.SyncDir("/d")
		_ = d.Remove("/d/a")
		_ = d.SyncDir("/d")
		_ = d.Remove("/d/b")
		d.Crash(rng)
		if _, err := d.Open("/d/a"); !fault.Is(err, fault.NotFound) {
			t.Fatalf("a removed and synced name came back: %v", err)
		}
		_, err := d.Open("/d/b")
		back = back || err == nil
	}
	if !back {
		t.Error("an unsynced removal was never undone")
	}
}

func TestUnsyncedDirectoryTakesItsFilesAlong(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	gone := false
	for range 100 {
		d := NewPowerCut("/d")
		if err := d.Mkdir("/d/sub"); err != nil {
			t.Fatal(err)
		}
		write(t, d, "/d/sub/f", []byte("x"), true)
		_ = d.SyncDir("/d/sub")
		d.Crash(rng)
		if _, err := d.List("/d/sub"); err != nil {
			gone = true
			if _, err := d.Create("/d/sub/g"); err == nil {
				t.Fatal("created a file in a directory that is gone")
			}
		}
	}
	if !gone {
		t.Error("a directory whose name was never synced survived every crash")
	}
}

func TestTheCutEndsEverything(t *testing.T) {
	d := NewPowerCut("/d")
	d.CutAfter(2)
	f := write(t, d, "/d/f", []byte("x"), false)
	if err := f.Sync(); !errors.Is(err, ErrPowerCut) {
		t.Errorf("third operation: %v", err)
	}
	if _, err := f.ReadAt(make([]byte, 1), 0); !errors.Is(err, ErrPowerCut) {
		t.Errorf("read without power: %v", err)
	}
	d.Crash(rand.New(rand.NewPCG(9, 9)))
	if err := f.Sync(); !errors.Is(err, ErrPowerCut) {
		t.Errorf("a file opened before the cut: %v", err)
	}
	if _, err := d.Create("/d/g"); err != nil {
		t.Errorf("after the restart: %v", err)
	}
}

func TestTruncatedBytesDoNotComeBack(t *testing.T) {
	d := NewPowerCut("/d")
	f := write(t, d, "/d/f", []byte("secret"), true)
	_ = f.Truncate(0)
	_ = f.Truncate(6)
	got, err := durable.ReadFile(d, "/d/f", 6)
	if err != nil || !bytes.Equal(got, make([]byte, 6)) {
		t.Errorf("after truncating to nothing and back: %q, %v", got, err)
	}
}

func TestFaultyPlaysBothKindsOfFailure(t *testing.T) {
	for _, how := range []How{NotStored, Stored} {
		disk := NewFaulty(NewPowerCut("/d"))
		disk.Fail(Create, 2, how, ErrFull)
		if _, err := disk.Create("/d/1"); err != nil {
			t.Fatal(err)
		}
		if _, err := disk.Create("/d/2"); !errors.Is(err, ErrFull) {
			t.Errorf("second create: %v", err)
		}
		if _, err := disk.Open("/d/2"); (err == nil) != bool(how) {
			t.Errorf("stored %v, but open says %v", how, err)
		}
		if disk.Fired() != 1 {
			t.Errorf("fired %d times", disk.Fired())
		}
	}
}
