package slots

import (
	"crypto/sha256"
	"hash"
	"sync"

	"sealgate/internal/seal"
)

// hashWindow is how many slots may wait for an earlier one before their bytes
// are let go and read back at the end instead. OpenSSH's sftp has 64 WRITEs of
// 255 KiB under way: when one worker is held up the others get 255 slots ahead,
// and with a smaller window all that follows would be read back before CLOSE is
// answered.
const hashWindow = 264

var slotBuffers = sync.Pool{New: func() any { return new([seal.SlotSize]byte) }}

// contentHash computes the SHA-256 of a file whose slots become whole in
// almost, but not quite, ascending order. It takes each slot's buffer when the
// slot is sealed, so that the bytes are hashed while they are still in cache.
//
// What it could not take in order (a gap wider than the window, a slot that was
// written again after it was hashed) is read back from the sealed object by
// finish. Its state is never stored: it holds plaintext.
type contentHash struct {
	held *Holding // what its buffers are counted in

	mu      sync.Mutex
	hash    hash.Hash
	next    int64 // the first slot that is not hashed yet
	waiting map[int64]*[seal.SlotSize]byte
	running bool // somebody is hashing, outside mu
	stale   bool // a hashed slot was written again: begin anew
}

func newContentHash(held *Holding) *contentHash {
	return &contentHash{held: held, hash: sha256.New(), waiting: make(map[int64]*[seal.SlotSize]byte)}
}

// offer hands over p, the bytes of the whole slot k. They lie in buf, which
// belongs to the hash from now on, or with buf nil are the caller's: then they
// are copied when they must wait.
func (c *contentHash) offer(k int64, p []byte, buf *[seal.SlotSize]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.stale, k < c.next, k >= c.next+hashWindow, k > c.next && c.held.tight(): // its turn may never come
		c.giveBack(buf)
	case k == c.next && !c.running:
		c.running = true
		c.take(p, buf)
		for next, ok := c.waiting[c.next]; ok; next, ok = c.waiting[c.next] {
			delete(c.waiting, c.next)
			c.take(next[:], next)
		}
		c.running = false
	default:
		if buf == nil {
			buf = c.held.take()
			copy(buf[:], p)
		}
		c.waiting[k] = buf
	}
}

// take hashes the next slot, outside mu, which the caller holds.
func (c *contentHash) take(p []byte, buf *[seal.SlotSize]byte) {
	c.next++
	c.mu.Unlock()
	c.hash.Write(p)
	c.giveBack(buf)
	c.mu.Lock()
}

func (c *contentHash) giveBack(buf *[seal.SlotSize]byte) {
	if buf != nil {
		c.held.give(buf)
	}
}

// forget says that slot k is about to be written again.
func (c *contentHash) forget(k int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k < c.next {
		c.stale = true
	}
	if buf, ok := c.waiting[k]; ok {
		delete(c.waiting, k)
		c.held.give(buf)
	}
}

// finish returns the hash of all slots, reading those that were not hashed
// yet. Nobody may offer any more.
func (c *contentHash) finish(slots int64, read func(k int64) ([]byte, error)) (sum [32]byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stale {
		c.hash.Reset()
		c.next, c.stale = 0, false
	}
	for ; c.next < slots; c.next++ {
		if buf, ok := c.waiting[c.next]; ok {
			c.hash.Write(buf[:])
			continue
		}
		p, err := read(c.next)
		if err != nil {
			return sum, err
		}
		c.hash.Write(p)
	}
	c.release()
	return [32]byte(c.hash.Sum(nil)), nil
}

// release gives back the buffers that still wait. The caller holds mu.
func (c *contentHash) release() {
	for k, buf := range c.waiting {
		delete(c.waiting, k)
		c.held.give(buf)
	}
}
