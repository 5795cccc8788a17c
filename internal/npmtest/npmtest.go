// Package npmtest installs the JavaScript packages that a test drives or is judged
// by: the versions that a package-lock.json names, checked by its sums, into a cache
// of the user's. Nothing of it comes into the product.
package npmtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/needtest"
)

// Install installs what the package.json and package-lock.json in dir name, unless
// that was done before, and returns the directory node_modules.
func Install(t testing.TB, dir string) string {
	t.Helper()
	needtest.Program(t, "node")
	npm := needtest.Program(t, "npm")
	lock, err := os.ReadFile(filepath.Join(dir, "package-lock.json"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), `"resolved"`) {
		t.Fatal("the lock file names a registry")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	place := filepath.Join(cache, "sealgate-tests", filepath.Base(dir)+"-"+hex.EncodeToString(sum[:8]))
	modules := filepath.Join(place, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		t.Fatal(err)
	}
	// Whole or not at all: it gets its name when all is there.
	made, err := os.MkdirTemp(filepath.Dir(place), "new-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(made)
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(made, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, npm, "ci", "--prefix", made, "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
	if err != nil {
		needtest.Missing(t, "the packages of %s cannot be installed: %v\n%s", dir, err, out)
	}
	if err := os.Rename(made, place); err != nil {
		t.Logf("another test was quicker: %v", err)
	}
	return modules
}
