package ui

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sub(t *testing.T, files embed.FS) fs.FS {
	t.Helper()
	inner, err := fs.Sub(files, "testdata")
	if err != nil {
		t.Fatal(err)
	}
	return inner
}

// writeOut writes a page and its assets so that a browser can open the file.
func writeOut(t *testing.T, file, text string) {
	t.Helper()
	own, _ := assets()
	for _, a := range own {
		if err := os.WriteFile(filepath.Join(filepath.Dir(file), a.served), a.text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, AssetsPath, "")), 0o600); err != nil {
		t.Fatal(err)
	}
}
