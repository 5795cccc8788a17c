package watch

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sealgate/internal/agent/home"
)

const asOther = "SEALGATE_TEST_WATCH_AS_OTHER"

// TestAsAnotherAccount is what TestTheErpIsAnotherAccount runs as one that owns
// nothing: it says what Writers does, and after how many seconds the file is taken.
func TestAsAnotherAccount(t *testing.T) {
	dir := os.Getenv(asOther)
	if dir == "" {
		return // TestTheErpIsAnotherAccount runs it
	}
	s := New(home.Folder{Path: dir, Settle: 2 * time.Second, Untold: 30 * time.Second})
	for n := range 60 {
		if len(names(t, s, time.Duration(n)*time.Second)) > 0 {
			fmt.Printf("writers %d, taken after %d\n", Writers(filepath.Join(dir, "pay.xml")), n)
			return
		}
	}
	fmt.Printf("writers %d, never taken\n", Writers(filepath.Join(dir, "pay.xml")))
}

// The service is not who writes the files: with the right to leases it is told that one
// is open; without, a file has to have been the same for longer.
func TestTheErpIsAnotherAccount(t *testing.T) {
	if os.Getuid() != 0 {
		return // only root becomes another account
	}
	dir, err := os.MkdirTemp("", "sealgate-watch-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program, files := filepath.Join(dir, "watch.test"), filepath.Join(dir, "files")
	copyProgram(t, program)
	for _, err := range []error{os.Chmod(dir, 0o755), os.Mkdir(files, 0o755)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	erp, err := os.OpenFile(filepath.Join(files, "pay.xml"), os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(caps ...uintptr) string {
		t.Helper()
		cmd := exec.Command(program, "-test.run", "^TestAsAnotherAccount$")
		cmd.Env = append(os.Environ(), asOther+"="+files)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, AmbientCaps: caps}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		line, _, _ := strings.Cut(string(out), "\n")
		return line
	}
	if got := ask(unix.CAP_LEASE); got != "writers 1, never taken" {
		t.Errorf("open, with the right to leases: %s", got)
	}
	if got := ask(); got != "writers 2, taken after 30" {
		t.Errorf("open, without: %s", got)
	}
	if err := erp.Close(); err != nil {
		t.Fatal(err)
	}
	if got := ask(unix.CAP_LEASE); got != "writers 0, taken after 2" {
		t.Errorf("closed, with the right to leases: %s", got)
	}
	if got := ask(); got != "writers 2, taken after 30" {
		t.Errorf("closed, without: %s", got)
	}
}

func copyProgram(t *testing.T, to string) {
	t.Helper()
	in, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
