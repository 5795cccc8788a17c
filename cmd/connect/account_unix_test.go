//go:build unix

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"sealgate/internal/agent/home"
	"sealgate/internal/needtest"
)

// `service install` is given again and again, by root, in a directory where the account
// of the service may do what it likes: it gets nothing by it that was not its own.
func TestHandingOverGivesNothingElse(t *testing.T) {
	if os.Geteuid() != 0 {
		needtest.Missing(t, "only root gives files away")
	}
	dir := t.TempDir()
	h := home.Home(filepath.Join(dir, "connect"))
	outside := filepath.Join(dir, "shadow")
	for _, err := range []error{
		os.MkdirAll(h.Receipts(), 0o700),
		os.WriteFile(h.Key(), []byte("key"), 0o600),
		os.WriteFile(outside, []byte("root's"), 0o600),
		os.Link(outside, h.Join("hard")),
		os.Symlink(outside, h.Join("soft")),
		os.Symlink(dir, h.Join("receipts", "up")),
		syscall.Mkfifo(h.Join("pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := handOver(h, "nobody"); err != nil {
		t.Fatal(err)
	}
	for path, his := range map[string]bool{string(h): true, h.Receipts(): true, h.Key(): true, outside: false, dir: false} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := info.Sys().(*syscall.Stat_t); !ok || (s.Uid != 0) != his {
			t.Errorf("%s is %d's", path, s.Uid)
		}
	}
}
