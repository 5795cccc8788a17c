package reseal_test

import (
	"bytes"
	"fmt"
	"testing"

	"sealgate/internal/durable/durabletest"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Every operation of the vault's disk fails in turn, both ways, and the process ends
// at once or later: in the end every file is under the new keys, holds what it held,
// and nothing else lies in the vault.
func TestEveryDiskOperationFailsBothWays(t *testing.T) {
	met := map[durabletest.Op]int{}
	for _, op := range durabletest.Ops {
		for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
			for nth := 1; nth <= 4; nth++ {
				name := fmt.Sprintf("%v %v %d", op, how, nth)
				if !diskFails(t, name, op, how, nth, nth%2 == 0) {
					break // fewer operations than that
				}
				met[op]++
			}
		}
	}
	for _, op := range []durabletest.Op{durabletest.Create, durabletest.Open, durabletest.Write, durabletest.Sync, durabletest.SyncDir, durabletest.Remove} {
		if met[op] == 0 {
			t.Errorf("no %s was made to fail", op)
		}
	}
}

func diskFails(t *testing.T, name string, op durabletest.Op, how durabletest.How, nth int, restart bool) (met bool) {
	disk := durabletest.NewFaulty(durabletest.NewPowerCut("/data"))
	w := newWorld(t, disk)
	w.several()
	w.renew()
	w.begin()
	disk.Fail(op, nth, how, durabletest.ErrIO)
	w.work()
	if disk.Fired() == 0 {
		return false
	}
	for id, data := range w.files {
		if !bytes.Equal(w.Read(w.File(id)), data) {
			t.Errorf("%s: a file of %d bytes holds other bytes", name, len(data))
		}
	}
	if restart || op == durabletest.Remove || op == durabletest.SyncDir {
		w.restart() // after a failed SyncDir the vault takes nothing there any more
	}
	w.goOn(name)
	return true
}

// goOn lets a job come to its end.
func (w *world) goOn(name string) {
	w.t.Helper()
	for range 5 {
		w.Clock.Add(longerThanAnyPause)
		w.work()
		if !w.progress().Running {
			break
		}
	}
	w.wantDone(name)
}

const longerThanAnyPause = 11 * 60e9

// A commit that fails stops the gateway: what was done of a file is found at the next
// start, whether the commit was stored or not.
func TestCommitsFailBothWays(t *testing.T) {
	for _, n := range []int{100, 3 * seal.SlotSize} {
		for _, stored := range []bool{false, true} {
			for nth := range 4 {
				name := fmt.Sprintf("%d bytes, commit %d, stored %v", n, nth, stored)
				w := newWorld(t, nil)
				w.put("a.xml", n, catalog.Kept)
				w.put("b.xml", n, catalog.Kept)
				w.renew()
				w.begin()
				w.Faults.Skip(nth)
				w.Faults.FailNext(stored)
				_ = w.Work(t.Context())
				w.again(w.Reopened())
				for id, data := range w.files {
					if !bytes.Equal(w.Read(w.File(id)), data) {
						t.Errorf("%s: other bytes after the restart", name)
					}
				}
				w.restart()
				w.goOn(name)
			}
		}
	}
}

// A full disk: the job waits, says why, leaves no half copy, and goes on by itself.
func TestFullDisk(t *testing.T) {
	for _, op := range []durabletest.Op{durabletest.Create, durabletest.Write, durabletest.Sync} {
		disk := durabletest.NewFaulty(durabletest.NewPowerCut("/data"))
		w := newWorld(t, disk)
		w.put("a.xml", 3*seal.SlotSize, catalog.Kept)
		w.renew()
		w.begin()
		disk.Fail(op, 1, durabletest.NotStored, durabletest.ErrFull)
		w.work()
		p := w.progress()
		if !p.Running || p.Waiting != "full" || p.Left != 1 || !p.NextTry.After(w.Clock.Now()) {
			t.Errorf("%v: %+v", op, p)
		}
		if n := w.Objects(); n != 1 {
			t.Errorf("%v: %d objects while the disk is full", op, n)
		}
		w.begin() // somebody asks again, now that there is room
		if p := w.progress(); !p.Running || p.Waiting != "" || p.NextTry.After(w.Clock.Now()) {
			t.Errorf("%v: asked again: %+v", op, p)
		}
		w.work()
		w.goOn(string(op))
	}
}

// The catalog has no room for the switch: the copy does not stay.
func TestFullCatalog(t *testing.T) {
	w := newWorld(t, nil)
	w.put("a.xml", 3*seal.SlotSize, catalog.Kept)
	w.renew()
	w.begin()
	w.Faults.Skip(1) // the lease
	w.Faults.FullNext()
	w.work()
	if p := w.progress(); !p.Running || p.Waiting != "full" {
		t.Errorf("%+v", p)
	}
	if n := w.Objects(); n != 1 {
		t.Errorf("%d objects", n)
	}
	w.goOn("room again")
}
