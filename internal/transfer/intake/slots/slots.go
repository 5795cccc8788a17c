// Package slots turns the bytes of a file that arrive in any order into whole
// slots, each sealed and written to the object once as a rule, and into the
// content's hash. It keeps in memory what is not whole yet, within bounds.
//
// It knows neither rows nor names: the intake decides what the object is, and
// when an arrival ends.
package slots

import (
	"io"
	"math/bits"
	"sync"
	"sync/atomic"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// maxBuffered is how many unfinished slots of one arrival stay in memory
// (64 x 64 KiB = 4 MiB). One more is sealed as a part and put aside on the object.
const maxBuffered = 64

// Bounds of what a client can have open by writing all over a file. Who writes
// from several places at once comes nowhere near.
const (
	maxUnfinished = 4096 // slots of one arrival that have bytes and are not whole
	maxSpans      = 1024 // pieces of one slot that do not touch
)

// maxHeld is how many slot buffers all boards hold together (512 MiB). Beyond
// it each keeps one, and puts aside what it cannot finish.
const maxHeld = 8192

// Holding counts the slot buffers that all boards of an intake hold together.
// The zero value is ready.
type Holding struct {
	buffers atomic.Int64
	max     atomic.Int64 // 0 = maxHeld
}

// AtMost sets how many buffers are held before memory is tight; 0 = 512 MiB.
func (h *Holding) AtMost(n int64) { h.max.Store(n) }

// Buffers is how many are held now.
func (h *Holding) Buffers() int64 { return h.buffers.Load() }

func (h *Holding) take() *[seal.SlotSize]byte {
	h.buffers.Add(1)
	return slotBuffers.Get().(*[seal.SlotSize]byte)
}

func (h *Holding) give(buf *[seal.SlotSize]byte) {
	h.buffers.Add(-1)
	slotBuffers.Put(buf)
}

func (h *Holding) tight() bool {
	most := h.max.Load()
	if most == 0 {
		most = maxHeld
	}
	return h.buffers.Load() > most
}

var errScattered = fault.New(fault.Invalid, "slots: write", "the file is written in too many places at once; send it from its beginning on")

// slot is one slot that is not whole yet. Its mutex guards all fields; a
// writer that waited for it looks at done before it goes on.
type slot struct {
	mu   sync.Mutex
	buf  *[seal.SlotSize]byte // nil while the bytes are on the object
	part bool                 // the bytes on the object are a part, not a whole slot
	ext  extents
	done bool // sealed whole, or the arrival ended: this value is out of use
}

// bitset is a growing set of slot numbers.
type bitset []uint64

func (b bitset) has(k int64) bool {
	return k>>6 < int64(len(b)) && b[k>>6]&(1<<(k&63)) != 0
}

func (b *bitset) set(k int64) {
	for k>>6 >= int64(len(*b)) {
		*b = append(*b, 0)
	}
	(*b)[k>>6] |= 1 << (k & 63)
}

func (b bitset) clear(k int64) {
	if b.has(k) {
		b[k>>6] &^= 1 << (k & 63)
	}
}

// leading returns how many slots from 0 on are in the set without a gap.
func (b bitset) leading() int64 {
	for i, w := range b {
		if w != ^uint64(0) {
			return int64(i)*64 + int64(bits.TrailingZeros64(^w))
		}
	}
	return int64(len(b)) * 64
}

// Board keeps the unfinished slots of an arrival and which slots are whole.
// Bytes may come in any order, overlap and come again; Board turns them into
// whole slots, sealed and written to the object once each as a rule.
type Board struct {
	body   *seal.Body
	header int // length of the object's header
	object func() Object
	grown  func() error
	hash   *contentHash
	held   *Holding // of all boards

	buffered atomic.Int64 // slots with a buffer

	mu     sync.Mutex // guards the fields below, not the slots' own
	slots  map[int64]*slot
	whole  bitset
	size   int64 // end of the furthest byte written
	extent int64 // end of the furthest byte of the object written
}

// Object is where the sealed slots go.
type Object interface {
	io.ReaderAt
	io.WriterAt
}

// New returns an empty board. object is asked for before each use: grown may
// change it, which is called before the first whole slot is written, because a
// file of more than a slot leaves memory.
func New(body *seal.Body, header int, held *Holding, object func() Object, grown func() error) *Board {
	return &Board{
		body: body, header: header, held: held, object: object, grown: grown,
		hash: newContentHash(held), slots: make(map[int64]*slot),
	}
}

// Size is the end of the furthest byte written.
func (b *Board) Size() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}

// Extent is the end of the furthest byte of the object written.
func (b *Board) Extent() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.extent
}

// Write takes p at offset off.
func (b *Board) Write(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		pos := off + int64(n)
		k, at := pos/seal.SlotSize, int(pos%seal.SlotSize)
		m, err := 0, error(nil)
		if at == 0 {
			m, err = b.fillRun(k, p[n:])
		}
		if m == 0 && err == nil {
			m = min(seal.SlotSize-at, len(p)-n)
			err = b.fill(k, at, p[n:n+m])
		}
		if err != nil {
			return n, err
		}
		n += m
		b.mu.Lock()
		b.size = max(b.size, pos+int64(m))
		b.mu.Unlock()
	}
	// A piece leaves two slots unfinished at most, its first and its last.
	for range 2 {
		if b.buffered.Load() <= b.mayBuffer() {
			break
		}
		if err := b.putAside(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// mayBuffer is how many unfinished slots may stay in memory.
func (b *Board) mayBuffer() int64 {
	if b.held.tight() {
		return 1
	}
	return maxBuffered
}

// fill copies p into slot k at byte at, and seals the slot when that made it whole.
func (b *Board) fill(k int64, at int, p []byte) error {
	for {
		s, err := b.take(k)
		if err != nil {
			return err
		}
		s.mu.Lock()
		if s.done { // made whole by another writer meanwhile
			s.mu.Unlock()
			continue
		}
		err = b.fillSlot(s, k, at, p)
		s.mu.Unlock()
		return err
	}
}

// take returns the unfinished slot k. A whole slot that is written again
// becomes unfinished: its bytes are on the object.
func (b *Board) take(k int64) (*slot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.slots[k]; s != nil {
		return s, nil
	}
	if len(b.slots) >= maxUnfinished {
		return nil, errScattered
	}
	s := new(slot)
	if b.whole.has(k) {
		b.whole.clear(k)
		b.hash.forget(k)
		s.ext = extents{{0, seal.SlotSize}}
	}
	b.slots[k] = s
	return s, nil
}

// fillSlot does fill's work under the slot's mutex.
func (b *Board) fillSlot(s *slot, k int64, at int, p []byte) error {
	if s.buf == nil && len(p) == seal.SlotSize { // nothing of it is in memory: no need to copy
		return b.finishSlot(s, k, p)
	}
	if s.buf == nil {
		if err := b.recall(s, k); err != nil {
			return err
		}
	}
	copy(s.buf[at:], p)
	s.ext = s.ext.add(at, at+len(p))
	if len(s.ext) > maxSpans {
		return errScattered
	}
	if !s.ext.covers(seal.SlotSize) {
		return nil
	}
	return b.finishSlot(s, k, s.buf[:])
}

// finishSlot seals the whole slot, whose bytes are p, and hands them to the
// hash: the slot's own buffer, or the caller's.
func (b *Board) finishSlot(s *slot, k int64, p []byte) error {
	if err := b.grown(); err != nil {
		return err
	}
	if err := b.put(k, p); err != nil {
		return err
	}
	b.hash.offer(k, p, s.buf)
	if s.buf != nil {
		b.buffered.Add(-1)
	}
	s.buf, s.done = nil, true

	b.mu.Lock()
	delete(b.slots, k)
	b.whole.set(k)
	b.mu.Unlock()
	return nil
}

// recall gives the slot a buffer with what is on the object, if anything is.
func (b *Board) recall(s *slot, k int64) error {
	buf := b.held.take()
	if len(s.ext) > 0 {
		open := opener(b.body.OpenSlot)
		if s.part {
			open = b.body.OpenPart
		}
		if err := readSlot(b.object(), b.header, buf, k, open); err != nil {
			b.held.give(buf)
			return err
		}
		s.part = false
	}
	s.buf = buf
	b.buffered.Add(1)
	return nil
}

// readSlot opens the whole slot k of an object into buf.
func readSlot(obj io.ReaderAt, header int, buf *[seal.SlotSize]byte, k int64, open opener) error {
	sealed := sealedBuffers.Get().(*[seal.SlotSize + seal.Overhead]byte)
	defer sealedBuffers.Put(sealed)
	if n, err := obj.ReadAt(sealed[:], seal.SlotOffset(header, k)); n < len(sealed) {
		return fault.Wrap(fault.Damaged, "slots: read back", err)
	}
	plain, err := open(buf[:0], k, sealed[:])
	if err == nil && len(plain) != seal.SlotSize {
		err = fault.New(fault.Damaged, "slots: read back", "slot %d holds %d bytes", k, len(plain))
	}
	return err
}

// opener is seal.Body's OpenSlot or OpenPart.
type opener func(dst []byte, k int64, sealed []byte) ([]byte, error)

// sealedBuffers holds one sealed slot each.
var sealedBuffers = sync.Pool{New: func() any { return new([seal.SlotSize + seal.Overhead]byte) }}

// put seals plain as slot k onto the object.
func (b *Board) put(k int64, plain []byte) error {
	return b.putSealed(k, plain, b.body.SealSlot)
}

func (b *Board) putSealed(k int64, plain []byte, sealer func([]byte, int64, []byte) []byte) error {
	sealed := sealedBuffers.Get().(*[seal.SlotSize + seal.Overhead]byte)
	defer sealedBuffers.Put(sealed)
	return b.write(k, sealer(sealed[:0], k, plain))
}

// putAside seals one buffered slot as a part onto the object, so that memory
// stays bounded when a client writes all over a file.
func (b *Board) putAside() error {
	b.mu.Lock()
	candidates := make(map[int64]*slot, len(b.slots))
	for k, s := range b.slots {
		candidates[k] = s
	}
	b.mu.Unlock()
	for k, s := range candidates {
		s.mu.Lock()
		if s.done || s.buf == nil {
			s.mu.Unlock()
			continue
		}
		err := b.setAside(s, k)
		s.mu.Unlock()
		return err
	}
	return nil
}

func (b *Board) setAside(s *slot, k int64) error {
	if err := b.grown(); err != nil {
		return err
	}
	blankHoles(s.buf, s.ext)
	if err := b.putSealed(k, s.buf[:], b.body.SealPart); err != nil {
		return err
	}
	b.held.give(s.buf)
	s.buf, s.part = nil, true
	b.buffered.Add(-1)
	return nil
}

// blankHoles clears what was not written: a buffer comes from a pool and may
// hold another file's bytes.
func blankHoles(buf *[seal.SlotSize]byte, ext extents) {
	at := 0
	for _, s := range ext {
		clear(buf[at:s.from])
		at = s.to
	}
	clear(buf[at:])
}

// Tail seals the last, short slot, when its bytes are there without a hole.
// It may be sealed again when the file grows. Writers must be shut out.
func (b *Board) Tail() error {
	k, n := b.size/seal.SlotSize, int(b.size%seal.SlotSize)
	s := b.slots[k]
	if n == 0 || s == nil || !s.ext.covers(n) {
		return nil
	}
	if s.buf == nil {
		if err := b.recall(s, k); err != nil {
			return err
		}
	}
	return b.put(k, s.buf[:n])
}

// Complete reports whether every byte from 0 to size was written. Writers must
// be shut out.
func (b *Board) Complete() bool {
	full, n := b.size/seal.SlotSize, int(b.size%seal.SlotSize)
	if b.whole.leading() < full {
		return false
	}
	return n == 0 || b.slots[full] != nil && b.slots[full].ext.covers(n)
}

// Sum finishes the content hash. Writers must be shut out and the tail sealed.
func (b *Board) Sum() ([32]byte, error) {
	full, n := b.size/seal.SlotSize, int(b.size%seal.SlotSize)
	slots := full
	if n > 0 {
		slots++
	}
	buf := slotBuffers.Get().(*[seal.SlotSize]byte)
	defer slotBuffers.Put(buf)
	return b.hash.finish(slots, func(k int64) ([]byte, error) {
		if k == full {
			return b.slots[full].buf[:n], nil
		}
		err := readSlot(b.object(), b.header, buf, k, b.body.OpenSlot)
		return buf[:], err
	})
}

// ReadAt reads back what was written, of slots that are whole. Less than len(p)
// bytes come with an error.
func (b *Board) ReadAt(p []byte, off int64) (n int, err error) {
	buf := b.held.take()
	defer b.held.give(buf)
	for n < len(p) {
		pos := off + int64(n)
		k := pos / seal.SlotSize
		b.mu.Lock()
		whole := b.whole.has(k)
		b.mu.Unlock()
		if !whole {
			return n, io.ErrUnexpectedEOF
		}
		if err := readSlot(b.object(), b.header, buf, k, b.body.OpenSlot); err != nil {
			return n, err
		}
		n += copy(p[n:], buf[pos%seal.SlotSize:])
	}
	return n, nil
}

// Durable is the length that a client may resume from.
func (b *Board) Durable() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	whole := b.whole.leading()
	return resumeFrom(whole, b.size > whole*seal.SlotSize)
}

// resumeFrom is the offset handed out for so many leading whole slots. When
// nothing is known to have come after them, the last may be the last of the
// file: a client that found all its bytes here would send no more, not even the
// CLOSE that makes them a file. So it is told to send that slot again.
func resumeFrom(slots int64, more bool) int64 {
	if !more && slots > 0 {
		slots--
	}
	return slots * seal.SlotSize
}

// Release gives all buffers back. Writers must be shut out.
func (b *Board) Release() {
	for k, s := range b.slots {
		if s.buf != nil {
			clear(s.buf[:])
			b.held.give(s.buf)
		}
		delete(b.slots, k)
	}
	b.hash.mu.Lock()
	b.hash.release()
	b.hash.mu.Unlock()
}

// Rediscover finds the leading whole slots of an object by opening them, and
// hashes them on the way, but for the last: that is sent again (resumeFrom), and
// a slot that was hashed already when it changes costs a second reading of all.
// It comes before the first Write.
func (b *Board) Rediscover() {
	var last *[seal.SlotSize]byte
	for k := int64(0); ; k++ {
		buf := b.held.take()
		if err := readSlot(b.object(), b.header, buf, k, b.body.OpenSlot); err != nil {
			b.held.give(buf)
			break
		}
		if last != nil {
			b.hash.offer(k-1, last[:], last)
		}
		last = buf
		b.whole.set(k)
		b.size = (k + 1) * seal.SlotSize
	}
	if last != nil {
		b.held.give(last)
	}
}

// Measure returns the length that a client may resume the object from, of which
// nothing is known but what opens.
func Measure(obj io.ReaderAt, header int, body *seal.Body) int64 {
	buf := slotBuffers.Get().(*[seal.SlotSize]byte)
	defer slotBuffers.Put(buf)
	for k := int64(0); ; k++ {
		if readSlot(obj, header, buf, k, body.OpenSlot) != nil {
			return resumeFrom(k, false)
		}
	}
}
