package seal

import "sync"

// keptSlots is how many opened slots a Reader keeps: one for each end of the
// reads that a client has under way at a time.
const keptSlots = 8

// slotCache keeps a few opened slots and lets each be opened once, however many
// readers want it at a time. The zero value is ready.
type slotCache struct {
	mu    sync.Mutex
	slots []*cachedSlot // most recently used last
}

// cachedSlot belongs to whoever acquired it fresh until ready is closed; after
// that plain and err do not change while anybody holds it.
type cachedSlot struct {
	k     int64
	plain []byte
	err   error
	ready chan struct{}
	held  int // readers that hold it; guarded by the cache's mutex
}

// find returns slot k, held, or nil.
func (c *slotCache) find(k int64) *cachedSlot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hold(k)
}

// acquire returns slot k, held. When it is fresh the caller has to fill it.
func (c *slotCache) acquire(k int64) (s *cachedSlot, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.hold(k); s != nil {
		return s, false
	}
	s = &cachedSlot{k: k, ready: make(chan struct{}), held: 1}
	if old := c.evict(keptSlots - 1); old != nil {
		s.plain = old.plain[:0] // nobody holds it: its memory is free
	}
	c.slots = append(c.slots, s)
	return s, true
}

// release gives back a held slot. One that failed is forgotten, so that the next
// reader tries again.
func (c *slotCache) release(s *cachedSlot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.held--
	if s.err != nil {
		c.remove(s)
	}
	c.evict(keptSlots)
}

func (c *slotCache) hold(k int64) *cachedSlot {
	for i, s := range c.slots {
		if s.k == k {
			c.slots = append(append(c.slots[:i], c.slots[i+1:]...), s)
			s.held++
			return s
		}
	}
	return nil
}

// evict removes the least recently used slots that nobody holds until at most n
// are left, and returns the last one removed.
func (c *slotCache) evict(n int) (old *cachedSlot) {
	for i := 0; i < len(c.slots) && len(c.slots) > n; {
		if s := c.slots[i]; s.held == 0 {
			old = s
			c.slots = append(c.slots[:i], c.slots[i+1:]...)
		} else {
			i++
		}
	}
	return old
}

func (c *slotCache) remove(s *cachedSlot) {
	for i := range c.slots {
		if c.slots[i] == s {
			c.slots = append(c.slots[:i], c.slots[i+1:]...)
			return
		}
	}
}

// fill opens the slot and lets everybody who waits for it go on.
func (s *cachedSlot) fill(open func(dst []byte) ([]byte, error)) {
	defer close(s.ready)
	if cap(s.plain) < SlotSize {
		s.plain = make([]byte, 0, SlotSize)
	}
	plain, err := open(s.plain)
	if err != nil {
		s.err = err
		return
	}
	s.plain = plain
}
