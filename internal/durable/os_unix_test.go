//go:build unix

package durable_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/durable"
)

func TestOSFilesAreTheirOwnersOnly(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "sub")
	if err := durable.OS.Mkdir(sub); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(sub, "f")
	if err := durable.WriteFile(durable.OS, name, []byte("x")); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{sub: fs.ModeDir | 0o700, name: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: mode %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
}
