// Package servertest builds the servers that tests drive: those of the module
// tools/servers, which names their versions and keeps them out of the product's.
package servertest

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/needtest"
)

const buildWithin = 5 * time.Minute

// Program builds a package of the module (./provider, or a tool that it names) and
// returns the path of the program.
func Program(t testing.TB, pkg string) string {
	t.Helper()
	cache, err := os.UserCacheDir() // where it is linked once, not for each test
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(cache, "sealgate-tests", "servers", filepath.Base(pkg))
	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
	cmd.Dir = filepath.Join(root(t), "tools", "servers")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if text, err := cmd.CombinedOutput(); err != nil {
		needtest.Missing(t, "%s cannot be built: %v\n%s", pkg, err, text)
	}
	return out
}

// root is the directory of the product's go.mod.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	t.Fatal("no go.mod above the test")
	return ""
}

// Start runs a program until stop is called, or the test ends, and returns the first
// line that it prints and that has wanted in it.
func Start(t testing.TB, wanted string, cmd *exec.Cmd) (line string, stop func()) {
	t.Helper()
	out, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close() // the program has its own
	ended := make(chan struct{})
	lines := make(chan string)
	go func() {
		defer close(ended)
		defer close(lines)
		r := bufio.NewScanner(out)
		for r.Scan() {
			if strings.Contains(r.Text(), wanted) {
				lines <- r.Text()
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	stop = func() {
		_ = cmd.Process.Kill() // it may have ended already
		_ = cmd.Wait()
		<-ended
		_ = out.Close()
	}
	t.Cleanup(stop)
	line, ok := <-lines
	if !ok {
		t.Fatalf("%s ended without saying %q", cmd.Path, wanted)
	}
	return line, stop
}
