package doctor_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/doctor"
	"sealgate/internal/agent/home"
	"sealgate/internal/needtest"
)

// Each trouble with a folder is named, with what to change.
func TestFolders(t *testing.T) {
	p := newPatient(t, agenttest.New(t))
	folder := p.settings.Folders[0].Path
	let := "setfacl -m u:sealgate-connect:rwx"

	p.settings.Folders[0].Path = filepath.Join(folder, "none")
	says(t, p.look(t)["folder"], doctor.Failure, "none is not there", "make the folder", "connect.yaml", "share")
	p.settings.Folders[0].Path, p.settings.Outbox = folder, filepath.Join(folder, "none")
	says(t, p.look(t)["outbox"], doctor.Failure, "none is not there", "make the folder", "outbox:")

	p.settings.Outbox = folder
	asAnybody(t, func(chmod func(os.FileMode)) {
		chmod(0o755)
		found := p.look(t)
		says(t, found["folder"], doctor.Failure, "not moved or deleted", "permission denied", let)
		says(t, found["outbox"], doctor.Failure, "cannot write to", "permission denied", let)
		chmod(0o700)
		says(t, p.look(t)["folder"], doctor.Failure, "may not be read by the account", let)
		chmod(0o777 | os.ModeSticky)
		says(t, p.look(t)["folder"], doctor.Warning, "sticky bit", "stay")
	}, folder)
}

// asAnybody does something on a thread that has no rights but those of anybody, in a
// folder of somebody else.
func asAnybody(t *testing.T, do func(chmod func(os.FileMode)), folder string) {
	t.Helper()
	if os.Geteuid() != 0 {
		needtest.Missing(t, "only root can be somebody else")
	}
	for dir := folder; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	go func() { // whose thread ends with it
		defer close(done)
		runtime.LockOSThread()
		const nobody = 65534
		become := func(uid int) { _ = unix.Setfsuid(uid) }
		do(func(mode os.FileMode) {
			become(0)
			if err := os.Chmod(folder, mode); err != nil {
				t.Error(err)
			}
			become(nobody)
		})
		become(0)
	}()
	<-done
}

// A disk that is full is said to be full, and not that somebody lacks rights.
func TestAFullDisk(t *testing.T) {
	p := newPatient(t, agenttest.New(t))
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m,mode=700"); err != nil {
		needtest.Missing(t, "nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	of := func(name string) string { return filepath.Join(disk, name) }
	if err := os.Rename(string(p.home), of("connect")); err == nil {
		t.Fatal("the disk is no other one")
	}
	if err := os.CopyFS(of("connect"), os.DirFS(string(p.home))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(of("connect"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.home, p.settings.Outbox = home.Home(of("connect")), of("outbox")
	if err := os.Mkdir(p.settings.Outbox, 0o700); err != nil {
		t.Fatal(err)
	}
	says(t, p.look(t)["directory"], doctor.Warning, "less than 100 MB")
	_ = os.WriteFile(of("fill"), bytes.Repeat([]byte("x"), 8<<20), 0o600) // as much as goes
	found := p.look(t)
	says(t, found["directory"], doctor.Failure, "is full", "nothing is sent")
	says(t, found["outbox"], doctor.Failure, "is full", "nothing is fetched", "waits at the gateway")
}
