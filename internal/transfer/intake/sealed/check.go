package sealed

import (
	"crypto/sha256"
	"crypto/subtle"
	"hash"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// ErrWrong: what came does not open, or is not what its agent says. Nothing of it
// stays; the agent has the file still, and seals it anew.
var ErrWrong = fault.New(fault.Damaged, "intake: sealed", "what was sent does not open, or is not what its agent says of it: name, size or SHA-256 differ")

// check opens the slots of an arrival in their order and hashes what is in them. It
// does so beside what comes, a little behind it, so that at the end only the last ones
// are left. They are read back from where they were written, out of the system's
// memory as a rule; of the content one slot at a time is in ours, and nowhere else.
//
// A slot that is there whole is not written again, so each is opened once.
type check struct {
	body   *seal.Body
	header int
	size   int64        // of the content
	there  atomic.Int64 // how much of the object may be read
	opened atomic.Int64 // how much of it is
	stop   atomic.Bool  // nobody needs to know any more
	wrong  atomic.Bool
	hurry  chan struct{} // closed when somebody waits for mu: no turn is waited for any more
	once   sync.Once     // closes it

	mu   sync.Mutex // held by who opens slots; guards what follows
	next int64
	sum  hash.Hash
}

func newCheck(body *seal.Body, header int, size int64) *check {
	return &check{body: body, header: header, size: size, hurry: make(chan struct{}), sum: sha256.New()}
}

// slots is one slot as it lies there, and what is in it.
type slots struct {
	sealed [seal.SealedSlot]byte
	plain  [seal.SlotSize]byte
}

var (
	buffers = sync.Pool{New: func() any { return new(slots) }}
	turns   = make(chan struct{}, runtime.GOMAXPROCS(0)) // of all who open slots beside what comes
)

const (
	turn      = 64       // slots
	maxBehind = 64 << 20 // what is not opened yet while parts are taken
)

// beside opens what is new of an object that has this length now, while its caller
// goes on. What is not opened by then is so with the next part, or at the end.
func (c *check) beside(object io.ReaderAt, length int64) {
	c.there.Store(length)
	if c.wrong.Load() || !c.mu.TryLock() {
		return // somebody is at it
	}
	go func() {
		defer c.mu.Unlock()
		for more := true; more; {
			select {
			case turns <- struct{}{}:
			case <-c.hurry:
				return // who waits opens the rest
			}
			n, err := c.open(object, c.there.Load(), turn)
			<-turns
			more = n == turn && err == nil && !c.stop.Load() // what cannot be read is told at the end
		}
	}()
}

// wait lets who has brought a part wait when the object of this length is far ahead of
// what is opened of it: at the end not much may be left.
func (c *check) wait(length int64) {
	if length-c.opened.Load() > maxBehind {
		c.mu.Lock() // whoever opens does so until he has come to the end
		defer c.mu.Unlock()
	}
}

// rush has who opens slots beside leave as soon as he can.
func (c *check) rush() { c.once.Do(func() { close(c.hurry) }) }

// open opens at most n slots that lie before length: Damaged when one does not open.
// The caller holds mu.
func (c *check) open(object io.ReaderAt, length, n int64) (done int64, err error) {
	b := buffers.Get().(*slots)
	defer buffers.Put(b)
	for end := seal.Slots(c.size); done < n && c.next < end && !c.stop.Load(); done++ {
		off := seal.SlotOffset(c.header, c.next)
		sealed := b.sealed[:min(seal.SealedSlot, c.size-c.next*seal.SlotSize+seal.Overhead)]
		if off+int64(len(sealed)) > length {
			break
		}
		if n, err := object.ReadAt(sealed, off); n < len(sealed) {
			return done, fault.Wrap(fault.Internal, "intake: read back", err)
		}
		plain, err := c.body.OpenSlot(b.plain[:0], c.next, sealed)
		if err != nil {
			c.wrong.Store(true)
			return done, err
		}
		c.sum.Write(plain)
		c.next++
		c.opened.Store(off + int64(len(sealed)))
	}
	return done, nil
}

// found opens what an earlier process has left and returns where that ends: behind it
// nothing may ever have reached the disk.
func (c *check) found(object io.ReaderAt) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := seal.Slots(c.size)
	_, _ = c.open(object, seal.SlotOffset(c.header, all), all)
	c.wrong.Store(false) // it is to come once more
	if c.next == all {
		return seal.ObjectSize(c.header, c.size) - seal.TrailerSize
	}
	return seal.SlotOffset(c.header, c.next)
}

// all opens what is left of a whole object: ErrWrong when a slot does not open, or the
// content has not this SHA-256.
func (c *check) all(object io.ReaderAt, sum []byte) error {
	c.rush()
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.open(object, seal.ObjectSize(c.header, c.size), seal.Slots(c.size))
	switch {
	case c.wrong.Load():
		return ErrWrong
	case err != nil:
		return err
	case c.stop.Load():
		return ErrGone
	case c.next < seal.Slots(c.size) || subtle.ConstantTimeCompare(c.sum.Sum(nil), sum) != 1:
		return ErrWrong
	}
	return nil
}

// end waits until nobody reads the object any more.
func (c *check) end() {
	c.stop.Store(true)
	c.rush()
	c.mu.Lock()
	defer c.mu.Unlock()
}
