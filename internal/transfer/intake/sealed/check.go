package sealed

import (
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"io"
	"sync"
	"sync/atomic"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Why a part is not taken, or a whole object is no file.
var (
	// ErrWrong: what came does not open, or is not what its agent says. Nothing of it
	// stays; the agent has the file still, and seals it anew.
	ErrWrong = fault.New(fault.Damaged, "intake: sealed", "what was sent does not open, or is not what its agent says of it: name, size or SHA-256 differ")
	// ErrUnlike: a part does not open of which the agent has signed nonces and tags only.
	// It may have been changed on its way. All is as it was.
	ErrUnlike = fault.New(fault.Denied, "intake: sealed", "the part does not open: it was changed on its way, or sealed wrongly")

	errCut = fault.New(fault.Invalid, "intake: append", "a part begins where a slot does, and ends where one does or with the object")
)

// check opens what comes of an object before it is stored, from memory, and hashes what
// is in it. Of the content one slot at a time is in our memory, and nowhere else.
type check struct {
	body   *seal.Body
	header int
	size   int64       // of the content
	stop   atomic.Bool // nobody needs to know any more

	// Of the leading slots that are stored. Guarded by the arrival's mutex.
	slots int64
	sum   hash.Cloner
}

func newCheck(body *seal.Body, header int, size int64) *check {
	return &check{body: body, header: header, size: size, sum: sha256.New().(hash.Cloner)}
}

// state is what a check has seen of an object.
type state struct {
	slots int64
	sum   hash.Cloner
}

// buffer holds a slot.
type buffer [seal.SealedSlot]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// end is where the slots end, and the trailer begins.
func (c *check) end() int64 { return seal.ObjectSize(c.header, c.size) - seal.TrailerSize }

// length is how long sealed slot k is.
func (c *check) length(k int64) int64 {
	return min(seal.SealedSlot, c.size-k*seal.SlotSize+seal.Overhead)
}

// first returns the slot that a part of n bytes at off begins with, which may be the one
// behind the last: then it is the trailer. errCut when it is cut anywhere else.
func (c *check) first(off, n int64) (k int64, err error) {
	edge := func(at int64) bool {
		return at == c.end() || at >= int64(c.header) && at < c.end() && (at-int64(c.header))%seal.SealedSlot == 0
	}
	if !edge(off) || !edge(off+n) && off+n != c.end()+seal.TrailerSize {
		return 0, errCut
	}
	if off == c.end() {
		return seal.Slots(c.size), nil
	}
	return (off - int64(c.header)) / seal.SealedSlot, nil
}

// open opens every slot of a part that begins with slot k, and the trailer if that is in
// it: Damaged when one does not open. It returns what the check will have seen once all
// of the part is stored; by itself it changes nothing.
func (c *check) open(k int64, p []byte) (state, error) {
	sum, err := c.sum.Clone()
	if err != nil {
		return state{}, fault.Wrap(fault.Internal, "intake: sealed", err)
	}
	seen := state{c.slots, sum}
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	all := seal.Slots(c.size)
	for ; k < all && len(p) > 0; k++ {
		n := c.length(k)
		plain, err := c.body.OpenSlot(b[:0], k, p[:n])
		if err != nil {
			return state{}, err
		}
		if k == seen.slots { // those before it were hashed when they came first
			seen.sum.Write(plain)
			seen.slots++
		}
		p = p[n:]
	}
	if len(p) > 0 {
		if _, err := c.body.OpenTrailer(p, all); err != nil {
			return state{}, err
		}
	}
	return seen, nil
}

// stored says that what open has seen is stored.
func (c *check) stored(s state) { c.slots, c.sum = s.slots, s.sum }

// found opens what an earlier process has left and returns where that ends: behind it
// nothing may ever have reached the disk.
func (c *check) found(object io.ReaderAt) int64 {
	b, into := buffers.Get().(*buffer), buffers.Get().(*buffer)
	defer buffers.Put(b)
	defer buffers.Put(into)
	all := seal.Slots(c.size)
	for ; c.slots < all && !c.stop.Load(); c.slots++ {
		sealed := b[:c.length(c.slots)]
		if n, _ := object.ReadAt(sealed, seal.SlotOffset(c.header, c.slots)); n < len(sealed) {
			break
		}
		plain, err := c.body.OpenSlot(into[:0], c.slots, sealed)
		if err != nil {
			break // it is to come once more
		}
		c.sum.Write(plain)
	}
	if c.slots == all {
		return c.end()
	}
	return seal.SlotOffset(c.header, c.slots)
}

// is reports whether all slots have come, and their content has this SHA-256.
func (c *check) is(sum []byte) bool {
	return c.slots == seal.Slots(c.size) && subtle.ConstantTimeCompare(c.sum.Sum(nil), sum) == 1
}
