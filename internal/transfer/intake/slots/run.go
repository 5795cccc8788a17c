package slots

import (
	"runtime"
	"sync"

	"sealgate/internal/seal"
)

const (
	// maxRun is how many whole slots that come in one piece are taken together.
	maxRun = 8

	// oneWrite is how many of them are sealed, and then written as one: more leave the
	// processor's cache in between.
	oneWrite = 4

	// aside is how many of them are hashed beside being sealed and written, where there
	// are processors for it: so whoever sends from one goroutine has two at work.
	aside = 4
)

// spared reports whether there are processors for that. Of two, the other one decrypts
// what comes next: to hand it pieces of a millisecond costs more than it gains.
var spared = runtime.GOMAXPROCS(0) > 2

var runBuffers = sync.Pool{New: func() any { return new([oneWrite * seal.SealedSlot]byte) }}

// fillRun seals the whole slots that p begins with, from slot k on, onto the object, and
// returns how many bytes of p that were: none when there are less than two, or there is
// something of the first of them already.
func (b *Board) fillRun(k int64, p []byte) (int, error) {
	slots := b.takeRun(k, min(len(p)/seal.SlotSize, maxRun))
	if len(slots) == 0 {
		return 0, nil
	}
	defer func() {
		for _, s := range slots {
			s.mu.Unlock()
		}
	}()
	if err := b.grown(); err != nil {
		return 0, err
	}
	p = p[:len(slots)*seal.SlotSize]
	var hashing sync.WaitGroup
	besides := spared && len(slots) >= aside
	if besides {
		hashing.Go(func() { b.offerRun(k, p) })
	}
	err := b.putRun(k, p)
	hashing.Wait()
	if err != nil {
		for i := range slots {
			b.hash.forget(k + int64(i))
		}
		return 0, err
	}
	if !besides {
		b.offerRun(k, p)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, s := range slots {
		s.done = true
		delete(b.slots, k+int64(i))
		b.whole.set(k + int64(i))
	}
	return len(p), nil
}

// takeRun returns up to n slots from slot k on, locked, of which no byte has come.
func (b *Board) takeRun(k int64, n int) []*slot {
	b.mu.Lock()
	defer b.mu.Unlock()
	free := 0
	for free < n && b.slots[k+int64(free)] == nil && !b.whole.has(k+int64(free)) {
		free++
	}
	if free < 2 || len(b.slots)+free > maxUnfinished {
		return nil
	}
	slots := make([]*slot, free)
	for i := range slots {
		slots[i] = new(slot)
		slots[i].mu.Lock()
		b.slots[k+int64(i)] = slots[i]
	}
	return slots
}

// offerRun hands whole slots to the hash.
func (b *Board) offerRun(k int64, p []byte) {
	for ; len(p) > 0; k, p = k+1, p[seal.SlotSize:] {
		b.hash.offer(k, p[:seal.SlotSize], nil)
	}
}

// putRun seals whole slots onto the object, with one write for every few of them.
func (b *Board) putRun(k int64, p []byte) error {
	sealed := runBuffers.Get().(*[oneWrite * seal.SealedSlot]byte)
	defer runBuffers.Put(sealed)
	for len(p) > 0 {
		first, out := k, sealed[:0]
		for ; k < first+oneWrite && len(p) > 0; k, p = k+1, p[seal.SlotSize:] {
			out = b.body.SealSlot(out, k, p[:seal.SlotSize])
		}
		if err := b.write(first, out); err != nil {
			return err
		}
	}
	return nil
}

// write puts what is sealed onto the object, from slot k on.
func (b *Board) write(k int64, sealed []byte) error {
	off := seal.SlotOffset(b.header, k)
	if _, err := b.object().WriteAt(sealed, off); err != nil {
		return err
	}
	b.mu.Lock()
	b.extent = max(b.extent, off+int64(len(sealed)))
	b.mu.Unlock()
	return nil
}
