package agent

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/journal"
	"sealgate/internal/fault"
)

// run lets the queue work until so many deliveries came to their end.
func (d *desk) run(many int) {
	d.t.Helper()
	ctx, stop := context.WithCancel(d.t.Context())
	defer stop()
	var mu sync.Mutex
	d.queue.Done = func(*journal.Delivery, bool) {
		d.g.Clock.Add(100 * time.Millisecond) // what failed is due again
		mu.Lock()
		defer mu.Unlock()
		if many--; many == 0 {
			stop()
		}
	}
	d.queue.Run(ctx)
}

// Who waits for this machine's disk holds up nobody who sends: all files are at the
// gateway before the first of their receipts is dealt with.
func TestFilesAreSentWhileOthersArePutAway(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	all, there := map[string][]byte{}, sync.WaitGroup{}
	for i := range 12 {
		all[fmt.Sprintf("%02d.xml", i)] = random(1000 + i)
	}
	there.Add(len(all))
	d.o.Settings.Parallel = 2
	d.o.Cut = func(step string) error {
		switch step {
		case "answered":
			there.Done()
		case "receipt":
			there.Wait()
		}
		return nil
	}
	d.restart()
	d.writeAll(all)
	if err := d.LookOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.run(len(all))
	d.arrived(all)
}

// More files than are listed at a time, from folders of which one keeps an order, come
// to their end; one that fails takes none of them along.
func TestTheQueueComesToItsEnd(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	second := d.o.Settings.Folders[0]
	second.Path, second.Ordered = t.TempDir(), true
	d.o.Settings.Folders = append(d.o.Settings.Folders, second)
	var failed atomic.Bool
	d.o.Cut = func(step string) error {
		if step == "receipt" && failed.CompareAndSwap(false, true) {
			return fault.New(fault.TryLater, "send: put away", "a program has the file open")
		}
		return nil
	}
	d.restart()
	d.queue.Page = 16
	all := map[string][]byte{}
	for i := range 40 {
		all[fmt.Sprintf("%03d.xml", i)] = random(100 + i)
	}
	d.writeAll(all)
	first := d.folder
	d.folder = second.Path
	ordered := map[string][]byte{}
	for i := range 10 {
		ordered[fmt.Sprintf("ordered-%02d.xml", i)] = random(100 + i)
	}
	d.writeAll(ordered)
	d.folder = first
	if err := d.LookOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.run(len(all) + len(ordered))
	if open, err := d.Journal().Open(t.Context(), 0, 10); err != nil || len(open) != 0 {
		t.Errorf("%d are on their way still, %v", len(open), err)
	}
	if n := len(d.g.Taken()); n != len(all)+len(ordered) {
		t.Errorf("the gateway has %d files", n)
	}
}
