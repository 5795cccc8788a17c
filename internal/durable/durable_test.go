package durable_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
)

func TestErrorsHaveTheirKind(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	if err := durable.WriteFile(durable.OS, name, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_, err := durable.OS.Create(name)
	if !fault.Is(err, fault.Exists) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("create over a file: %v", err)
	}
	_, err = durable.OS.Open(name + "x")
	if !fault.Is(err, fault.NotFound) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open nothing: %v", err)
	}
	if _, err = durable.ReadFile(durable.OS, name, 4); !fault.Is(err, fault.TooLarge) {
		t.Errorf("read 5 bytes with a limit of 4: %v", err)
	}
	if err = durable.OS.Mkdir(name); !fault.Is(err, fault.Exists) {
		t.Errorf("mkdir over a file: %v", err)
	}
	if err = durable.OS.Mkdir(dir); err != nil {
		t.Errorf("mkdir of a directory that is there: %v", err)
	}
}

func TestAFailedSyncStays(t *testing.T) {
	disk := durabletest.NewFaulty(durabletest.NewPowerCut("/d"))
	f, err := disk.Create("/d/f")
	if err != nil {
		t.Fatal(err)
	}
	disk.Fail(durabletest.Sync, 1, durabletest.NotStored, durabletest.ErrIO)
	for range 3 {
		if err := f.Sync(); !errors.Is(err, durabletest.ErrIO) {
			t.Fatalf("sync after a failed one: %v", err)
		}
	}
	if n := disk.Count(durabletest.Sync); n != 1 {
		t.Errorf("%d syncs reached the disk, want 1", n)
	}
}

// A closed os file stands for one whose fsync fails.
func TestOSFileRemembersAFailedSync(t *testing.T) {
	f, err := durable.OS.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	first := f.Sync()
	if first == nil {
		t.Fatal("sync of a closed file succeeded")
	}
	if again := f.Sync(); again != first {
		t.Errorf("second sync: %v, want the first failure %v", again, first)
	}
}

// WriteFile under a power cut at every operation: the old content or the new,
// and the new once it has returned nil.
func TestWriteFileSurvivesAPowerCutAnywhere(t *testing.T) {
	old, young := bytes.Repeat([]byte("old"), 700), bytes.Repeat([]byte("young"), 900)
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 100 {
		for cut := 0; ; cut++ {
			disk := durabletest.NewPowerCut("/d")
			if err := durable.WriteFile(disk, "/d/f", old); err != nil {
				t.Fatal(err)
			}
			disk.CutAfter(cut)
			err := durable.WriteFile(disk, "/d/f", young)
			disk.Crash(rng)
			got, rerr := durable.ReadFile(disk, "/d/f", 1<<20)
			if rerr != nil || !bytes.Equal(got, young) && (err == nil || !bytes.Equal(got, old)) {
				t.Fatalf("round %d, cut after %d (%v): %d bytes, %v", round, cut, err, len(got), rerr)
			}
			if err := durable.WriteFile(disk, "/d/f", old); err != nil {
				t.Fatalf("write after the restart: %v", err)
			}
			if err == nil {
				break
			}
		}
	}
}

func TestWriteFileReportsEveryFailure(t *testing.T) {
	for _, op := range []durabletest.Op{durabletest.Create, durabletest.Write, durabletest.Sync, durabletest.Rename, durabletest.SyncDir} {
		for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
			disk := durabletest.NewFaulty(durabletest.NewPowerCut("/d"))
			if err := durable.WriteFile(disk, "/d/f", []byte("old")); err != nil {
				t.Fatal(err)
			}
			disk.Fail(op, 1, how, durabletest.ErrFull)
			if err := durable.WriteFile(disk, "/d/f", []byte("new")); !fault.Is(err, fault.Full) {
				t.Errorf("%s, stored %v: %v", op, how, err)
			}
			got, err := durable.ReadFile(disk, "/d/f", 10)
			if err != nil || string(got) != "old" && string(got) != "new" {
				t.Errorf("%s, stored %v: content %q, %v", op, how, got, err)
			}
			if err := durable.WriteFile(disk, "/d/f", []byte("newest")); err != nil {
				t.Errorf("%s, stored %v: next write: %v", op, how, err)
			}
			if left, _ := disk.List("/d"); len(left) != 1 {
				t.Errorf("%s, stored %v: left behind %q", op, how, left)
			}
		}
	}
}

func TestLockKeepsASecondProcessOut(t *testing.T) {
	if dir := os.Getenv("DURABLE_TEST_LOCK"); dir != "" {
		_, err := durable.LockDir(dir)
		if fault.Is(err, fault.TryLater) {
			os.Exit(7)
		}
		os.Exit(0)
	}
	dir := t.TempDir()
	child := func() int {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLockKeepsASecondProcessOut$")
		cmd.Env = append(os.Environ(), "DURABLE_TEST_LOCK="+dir)
		_ = cmd.Run()
		return cmd.ProcessState.ExitCode()
	}
	lock, err := durable.LockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if code := child(); code != 7 {
		t.Errorf("second process while locked: exit %d, want 7", code)
	}
	if _, err := durable.LockDir(dir); !fault.Is(err, fault.TryLater) {
		t.Errorf("second lock in this process: %v", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if code := child(); code != 0 {
		t.Errorf("second process after unlock: exit %d, want 0", code)
	}
}

func TestFreeSpace(t *testing.T) {
	if n, err := durable.Free(durable.OS, t.TempDir()); err != nil || n <= 0 {
		t.Errorf("free space %d, %v", n, err)
	}
	if _, err := durable.Free(durable.OS, filepath.Join(t.TempDir(), "no")); !fault.Is(err, fault.NotFound) {
		t.Errorf("free space of nothing: %v", err)
	}
}

func TestStartWritebackChangesNothing(t *testing.T) {
	f, err := durable.OS.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data := bytes.Repeat([]byte("payload "), 1<<15)
	if _, err := f.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	durable.StartWriteback(f, 0, int64(len(data)))
	durable.StartWriteback(f, 1<<40, 1)
	got := make([]byte, len(data))
	if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
		t.Errorf("content changed: %v", err)
	}
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
}

// RenameNew replaces nothing, whatever the file system can.
func TestRenameNew(t *testing.T) {
	dir := t.TempDir()
	for what, rename := range map[string]func(string, string) error{"OS": durable.OS.RenameNew, "links": durable.LinkNew} {
		from, to := filepath.Join(dir, what), filepath.Join(dir, what+".new")
		for _, name := range []string{from, to} {
			if err := os.WriteFile(name, []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := rename(from, to); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", what, err)
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != to {
			t.Errorf("%s: %q, %v", what, got, err)
		}
		if err := os.Remove(to); err != nil {
			t.Fatal(err)
		}
		if err := rename(from, to); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if got, err := os.ReadFile(to); err != nil || string(got) != from {
			t.Errorf("%s: %q, %v", what, got, err)
		}
		if err := rename(from, to+"2"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: of nothing: %v", what, err)
		}
	}
}
