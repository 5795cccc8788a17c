package together

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"sealgate/internal/durable"
)

// waiting returns when so many wait for the next act.
func waiting[T any](g *Group[T], many int) {
	for {
		g.mu.Lock()
		n := 0
		if g.next != nil {
			n = len(g.next.items)
		}
		g.mu.Unlock()
		if n == many {
			return
		}
		runtime.Gosched()
	}
}

// Whoever comes while an act runs is in the next one, never in that one: what he did
// before he came is covered.
func TestWhoComesWaitsForAnActThatBeginsLater(t *testing.T) {
	var g Group[int]
	var acts [][]int
	runs, hold := make(chan struct{}, 9), make(chan struct{})
	act := func(items []int) {
		acts = append(acts, items)
		runs <- struct{}{}
		<-hold
	}
	var all sync.WaitGroup
	all.Go(func() { g.Do(0, act) })
	<-runs
	for i := range 3 {
		all.Go(func() { g.Do(1+i, act) })
	}
	waiting(&g, 3)
	close(hold)
	all.Wait()
	if len(acts) != 2 || len(acts[0]) != 1 || acts[0][0] != 0 || len(acts[1]) != 3 {
		t.Errorf("the acts were for %v", acts)
	}
	if g.Do(9, act); len(acts) != 3 {
		t.Error("who comes later is not served")
	}
}

// broken is a disk whose folders cannot be synced.
type broken struct {
	durable.FS
	syncs int
	runs  chan struct{}
	hold  chan struct{}
}

var errBroken = errors.New("the disk is gone")

func (b *broken) SyncDir(string) error {
	b.syncs++
	b.runs <- struct{}{}
	<-b.hold
	return errBroken
}

// A folder is synced once for all who wait, all hear that it failed, and nothing of it
// is remembered.
func TestAFolderIsSyncedForAll(t *testing.T) {
	under := &broken{FS: durable.OS, runs: make(chan struct{}, 9), hold: make(chan struct{})}
	disk := Disk(under).(*sharedDisk)
	var all sync.WaitGroup
	ask := func() {
		if err := disk.SyncDir("a"); !errors.Is(err, errBroken) {
			t.Errorf("a failed sync is %v", err)
		}
	}
	all.Go(ask)
	<-under.runs
	for range 8 {
		all.Go(ask)
	}
	disk.mu.Lock()
	a := disk.folders["a"]
	disk.mu.Unlock()
	waiting(&a.Group, 8)
	close(under.hold)
	all.Wait()
	if under.syncs != 2 || len(disk.folders) != 0 {
		t.Errorf("synced %d times, %d folders are remembered", under.syncs, len(disk.folders))
	}
}
