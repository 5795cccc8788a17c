package campaign

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"sealgate/internal/needtest"
)

// smallDisk mounts a disk of so many MiB; only root can.
func smallDisk(t *testing.T, mib int) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=700", mib))
	if err != nil {
		needtest.Missing(t, "a small disk cannot be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// ballast takes all but so many KiB of a disk, as a neighbour does who fills it.
func ballast(t *testing.T, disk string, leave int64) (free func()) {
	t.Helper()
	name := filepath.Join(disk, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 4096)
	for {
		var s syscall.Statfs_t
		if err := syscall.Statfs(disk, &s); err != nil {
			t.Fatal(err)
		}
		if int64(s.Bavail)*s.Bsize <= leave<<10 {
			break
		}
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCampaignDiskFull fills the disk under the gateway: by what it takes in,
// then by a neighbour to the last byte. Senders are told so, nothing that was
// acknowledged suffers, and with room it goes on by itself.
func TestCampaignDiskFull(t *testing.T) {
	disk := smallDisk(t, pick(48, 192))
	g := newGateway(t, filepath.Join(disk, "data"))
	crew := hire(g, lots(t), 2)
	pid := g.cmd.Process.Pid
	c := g.client("robot-0")
	want := map[string]string{}
	f := &filler{g: g, want: want}

	// Files come until one is refused: the last of the room is kept back.
	for round := 0; !f.refused(c, 1<<20); round++ {
		if round > 1000 {
			t.Fatal("48 MiB never are full")
		}
	}
	f.readable(c)

	// Uploads that were under way when the disk filled to the last byte.
	free := ballast(t, disk, 8<<10)
	f.under(4)
	free()
	free = ballast(t, disk, 0)
	f.under(4)
	if err := put(c, "/in/none.xml", payfile(1, 1, 100<<10)); err == nil {
		t.Error("a file was taken by a full disk")
	} else {
		saysFull(t, err)
	}
	f.readable(c)
	f.readable(g.client("robot-0")) // who signs in now is let in, too
	if _, errs, code := g.run("account", "add", "late"); code != 1 || !strings.Contains(errs, "no room") {
		t.Errorf("a new account on a full disk: exit code %d, %s", code, errs)
	}
	g.running()
	if n := len(g.files("keeper")); n < len(want) {
		t.Errorf("%d files on record while the disk is full, acknowledged were %d", n, len(want))
	}

	// Room again: no restart, no operator.
	free()
	for name := range want {
		g.must("file", "erase", g.named("keeper", name, 1)[0].ID, "--confirm", g.named("keeper", name, 1)[0].ID)
		delete(want, name)
		if len(want) < 8 {
			break
		}
	}
	if f.refused(c, 100<<10) {
		t.Error("refused although there is room again")
	}
	g.settle(settleBar)
	f.readable(c)
	for _, b := range crew {
		b.finish()
	}
	if g.cmd.Process.Pid != pid {
		t.Error("the gateway was started again")
	}
	g.settle(settleBar)
	onlyOpaqueNames(t, g.dir)

	// Killed on a full disk, it comes up on it.
	free = ballast(t, disk, 0)
	g.kill()
	startInTime(g)
	f.readable(g.client("robot-0"))
	free()
	if f.refused(g.client("robot-0"), 100<<10) {
		t.Error("refused although there is room again")
	}
	g.settle(settleBar)
	g.must("audit", "verify")
	g.stop()
	checkStores(g)
}

// filler sends files and knows which were acknowledged.
type filler struct {
	g    *gateway
	made uint64
	mu   sync.Mutex
	want map[string]string // SHA-256 by name
}

// refused sends a file and reports whether the gateway said that its disk is
// full.
func (f *filler) refused(c *sftp.Client, size int) bool {
	f.g.t.Helper()
	f.made++
	name, content := fmt.Sprintf("fill-%d.xml", f.made), payfile(f.made, 2, size)
	if err := put(c, "/in/"+name, content); err != nil {
		saysFull(f.g.t, err)
		f.g.named("keeper", name, 0)
		return true
	}
	f.want[name] = sum(content)
	f.g.named("keeper", name, 1)
	return false
}

// saysFull wants an error that a sender can act on.
func saysFull(t testing.TB, err error) {
	t.Helper()
	if !strings.Contains(err.Error(), "full") || !strings.Contains(err.Error(), "later") {
		t.Errorf("the disk is full, and the sender is told: %v", err)
	}
}

// under sends files at once until the disk takes no more of them.
func (f *filler) under(n int) {
	f.g.t.Helper()
	var work sync.WaitGroup
	for i := range n {
		f.made++
		name, content := fmt.Sprintf("under-%d.xml", f.made), payfile(f.made, 2, 3<<20+i*1000)
		work.Go(func() {
			c, err := f.g.dial("robot-0", "")
			if err != nil {
				return // a full disk may also stop a sign-in
			}
			defer c.Close()
			if put(c, "/in/"+name, content) == nil {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.want[name] = sum(content)
			}
		})
	}
	work.Wait()
}

// readable wants every acknowledged file on record, and those at rest to be read
// back.
func (f *filler) readable(c *sftp.Client) {
	f.g.t.Helper()
	onRecord := map[string]record{}
	for _, rec := range f.g.files("keeper") {
		onRecord[rec.Name] = rec
	}
	read := 0
	for name, sha := range f.want {
		rec, ok := onRecord[name]
		if !ok || rec.SHA256 != sha {
			f.g.t.Fatalf("%s was acknowledged; on record is %+v", name, rec)
		}
		if rec.State != "kept" {
			continue
		}
		got, err := fetch(c, "/kept/"+name)
		if err != nil || sum(got) != sha {
			f.g.t.Fatalf("/kept/%s on a full disk: %v, or other bytes", name, err)
		}
		read++
	}
	f.g.t.Logf("%d of %d files are at rest and came back", read, len(f.want))
}

// TestCampaignIndexOnFullDisk fills the disk between the acknowledgement of a
// file and its index: the file waits, and is indexed when there is room.
func TestCampaignIndexOnFullDisk(t *testing.T) {
	disk := smallDisk(t, 48)
	g := newGateway(t, filepath.Join(disk, "data"))
	g.account("keeper", "keep")
	g.login("keeper", "robot")
	c := g.client("robot")
	if err := put(c, "/in/first.xml", payfile(1, 10, 0)); err != nil {
		t.Fatal(err)
	}
	g.settle(settleBar)

	payments := 6000
	content := payfile(2, payments, 0)
	// Room for the file and its row, not for the index of its payments.
	free := ballast(t, disk, 1024+int64(len(content))>>10)
	g.check(put(c, "/in/second.xml", content))
	for range 30 {
		if rec := g.named("keeper", "second.xml", 1)[0]; rec.State != "received" {
			t.Fatalf("indexed on a full disk? %+v", rec)
		}
		pause(100 * time.Millisecond)
	}
	free()
	g.settle(settleBar)
	if rec := g.named("keeper", "second.xml", 1)[0]; rec.State != "kept" || rec.PaymentCount != payments || rec.SHA256 != sum(content) {
		t.Errorf("with room again: %+v", rec)
	}
	var found struct {
		Total int `json:"total"`
	}
	g.mustJSON(&found, "payment", "ls", "keeper", "--limit", "1")
	if found.Total != payments+10 {
		t.Errorf("%d payments are found, want %d", found.Total, payments+10)
	}
	g.stop()
	checkStores(g)
}
