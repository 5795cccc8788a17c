//go:build unix

package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealgate/internal/agent/console"
	"sealgate/internal/agent/home"
	"sealgate/internal/command"
	"sealgate/internal/fault"
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

// Root enrols for the service again, and leaves it nothing that it cannot read; what
// only leaves such files is refused, and whose it is to do is said.
func TestRootLeavesTheServiceNothingThatItCannotUse(t *testing.T) {
	if os.Geteuid() != 0 {
		needtest.Missing(t, "only root gives files away")
	}
	dir := filepath.Join(t.TempDir(), "connect")
	a := &app{&console.App{Program: command.Program{Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }, Now: time.Now}, Dir: dir}}
	h := home.Home(dir)
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	if err := handOver(h, "nobody"); err != nil {
		t.Fatal(err)
	}
	if err := a.enroll(t.Context(), "https://127.0.0.1:1", "no code", ""); err == nil {
		t.Fatal("enrolled")
	}
	if err := os.WriteFile(h.About(), []byte("{}"), 0o600); err != nil { // an earlier enrolment by root
		t.Fatal(err)
	}
	pay := filepath.Join(t.TempDir(), "pay.xml")
	if err := os.WriteFile(pay, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, do := range map[string]func() error{
		"run":   func() error { return a.run(t.Context(), slog.DiscardHandler) },
		"send":  func() error { return a.send(t.Context(), []string{pay}, true) },
		"fetch": func() error { _, err := a.fetch(t.Context()); return err },
	} {
		if err := do(); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Message(err), "sudo -u nobody connect") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := a.enroll(t.Context(), "https://127.0.0.1:1", "no code", ""); err == nil {
		t.Fatal("enrolled")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if s, ok := info.Sys().(*syscall.Stat_t); !ok || s.Uid == 0 {
			t.Errorf("%s is root's", e.Name())
		}
	}
}
