package push_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/needtest"
	"sealgate/internal/transfer/remote/visittest"
)

// The disk there has no room for a file: said in words, nothing lies there under its
// name, smaller ones and later ones are delivered.
func aDiskThereThatIsReallyFull(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	if err := syscall.Mount("tmpfs", w.Disk, "tmpfs", 0, "size=1m,mode=777"); err != nil {
		needtest.Missing(t, "a small disk cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(w.Disk, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	w.send("large.xml", strings.Repeat("x", 3<<20))
	r, err := w.visit()
	if err == nil && len(r.Problems) == 1 {
		err = r.Problems[0].Err
	}
	if r.Failed != 1 || r.Files != 0 || err == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if !strings.Contains(fault.Message(err), "disk may be full") && !strings.Contains(fault.Message(err), "is full") {
		t.Errorf("it says %s", fault.Message(err))
	}
	if got := w.there(); len(got) > 1 || len(got) == 1 && !strings.HasPrefix(got[0], ".") {
		t.Errorf("there are %q", got)
	}
	if w.waits() != 1 {
		t.Error("it does not wait any more")
	}
	if err := syscall.Mount("tmpfs", w.Disk, "tmpfs", syscall.MS_REMOUNT, "size=8m"); err != nil {
		t.Fatal(err)
	}
	w.send("late.xml", "late")
	w.visits(12 * time.Hour)
	w.expect("when there is room", "large.xml=3145728", "late.xml=late")
}

func TestADiskThereThatIsReallyFull(t *testing.T) {
	for name, at := range servers(t) {
		t.Run(name, func(t *testing.T) { aDiskThereThatIsReallyFull(t, at) })
	}
}
