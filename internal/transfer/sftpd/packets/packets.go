// Package packets stands between an SSH channel and pkg/sftp's request server
// and adds what pkg/sftp does not have: limits@openssh.com and
// fsync@openssh.com, a bound on packet sizes, the knowledge of which packet
// followed which, and a server that goes home while a session says nothing.
//
// pkg/sftp answers requests strictly in the order in which they came, so the
// requests that wait for an answer form a queue and each answer belongs to its
// head. The filter answers its own two requests only when that queue is empty:
// fsync is a barrier, and no client sees an answer out of order.
//
// Requests on a handle that no answer has named yet, or that was closed, never
// reach pkg/sftp: it would use a request that another of its goroutines is
// still opening.
//
// It knows paths and handles, not files: what they mean is the session's.
package packets

import (
	"encoding/binary"
	"io"
	"sync"
	"time"

	"sealgate/internal/fault"
)

// Events is what the filter tells its session. All paths are as the client
// spelled them.
type Events interface {
	// Sync makes what was written to an open path durable. Every WRITE that
	// the client sent earlier in the session has been answered.
	Sync(path string) error
	// FirstWrite is called before the first WRITE of a handle is forwarded:
	// pkg/sftp's workers run WRITEs in any order, so only the wire knows
	// where a client began.
	FirstWrite(path string, offset uint64)
	// Closed is called when the OK to a CLOSE has been written.
	Closed(path string)
	// Followed is called for everything that comes from the client: another
	// packet, or the end of the channel.
	Followed(end bool)
}

// request is a request that was forwarded and not answered yet.
type request struct {
	typ  byte
	id   uint32
	path string // what it is about, where the filter looks
}

// handle is an open handle, as the filter sees it.
type handle struct {
	path    string
	written bool // a WRITE was seen; owned by Read
}

// Filter is the filter of one session. To pkg/sftp it is the channel.
//
// Three goroutines use it: Run waits for the beginning of a packet, Read
// (pkg/sftp's receiver) takes the rest of it, Write (pkg/sftp's sender) passes
// the answers on. Run and Read take turns with the channel.
type Filter struct {
	ch   io.ReadWriteCloser
	ev   Events
	doze time.Duration

	starts chan start    // from Run to Read: a packet begins
	home   chan struct{} // from Run to Read: end, if nothing is open
	turn   chan struct{} // from Read to Run: the packet was taken whole
	gone   chan struct{} // closed by Run when nothing more will come
	reason error         // why; set before gone is closed

	// Owned by Read.
	mine  bool   // the channel: a packet has begun and was not taken whole
	head  []byte // what to hand out next
	body  int    // bytes of the current packet to pass on after head
	alone bool   // the current request runs alone: nothing is forwarded before its answer

	// Owned by Write.
	held []byte // the beginning of an answer, or all of one that is looked at
	pass int    // bytes of the current answer to pass on

	order sync.Mutex // held from writing a held answer until it is accounted for

	mu      sync.Mutex
	moved   sync.Cond // signalled when waiting shrinks or the filter closes
	waiting []request
	handles map[string]*handle
	dead    bool
}

// New returns the filter of a session on ch. Run serves it.
func New(ch io.ReadWriteCloser, ev Events) *Filter {
	f := &Filter{
		ch: ch, ev: ev, doze: dozeAfter, handles: make(map[string]*handle),
		starts: make(chan start), home: make(chan struct{}), turn: make(chan struct{}), gone: make(chan struct{}),
	}
	f.moved.L = &f.mu
	return f
}

// Close closes the channel and frees a barrier that waits.
func (f *Filter) Close() error {
	f.die()
	return f.ch.Close()
}

func (f *Filter) die() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = true
	f.moved.Broadcast()
}

// Idle reports whether every request has been answered and no handle is open.
func (f *Filter) Idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.waiting) == 0 && len(f.handles) == 0
}

// Read hands the client's packets to pkg/sftp.
func (f *Filter) Read(p []byte) (int, error) {
	for len(f.head) == 0 && f.body == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	if len(f.head) > 0 {
		n := copy(p, f.head)
		f.head = f.head[n:]
		return n, nil
	}
	n, err := f.ch.Read(p[:min(len(p), f.body)])
	f.body -= n
	if err == io.EOF && f.body > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next reads the beginning of the client's next packet and decides what is
// done with it. A WRITE's data is not held here: it is passed through.
func (f *Filter) next() error {
	if f.alone {
		if err := f.barrier(); err != nil {
			return err
		}
		f.alone = false
	}
	start, err := f.begin()
	if err != nil {
		return err
	}
	n := start.length()
	if start[4] == fxpWrite {
		return f.write(start, n)
	}
	packet := make([]byte, 4+n)
	copy(packet, start[:])
	if _, err := io.ReadFull(f.ch, packet[5:]); err != nil {
		return unexpected(err)
	}
	return f.route(packet)
}

// write forwards the head of a WRITE: type, id, handle, offset.
func (f *Filter) write(start start, n int) error {
	const fixed = 5 + 4 + 4 // length and type, id, length of the handle
	head := make([]byte, fixed, 64)
	copy(head, start[:])
	if n < 1+4+4 {
		return errMalformed
	}
	if _, err := io.ReadFull(f.ch, head[5:]); err != nil {
		return unexpected(err)
	}
	name := int(binary.BigEndian.Uint32(head[9:]))
	if name > maxHandleName || 1+4+4+name+8 > n {
		return errMalformed
	}
	head = append(head, make([]byte, name+8)...)
	if _, err := io.ReadFull(f.ch, head[fixed:]); err != nil {
		return unexpected(err)
	}
	r := request{typ: fxpWrite, id: binary.BigEndian.Uint32(head[5:])}
	data := 4 + n - len(head)
	h, err := f.find(string(head[fixed : fixed+name]))
	if err != nil {
		return err
	}
	if h == nil {
		if _, err := io.CopyN(io.Discard, f.ch, int64(data)); err != nil {
			return unexpected(err)
		}
		return f.answer(func() []byte { return notOpen(r.id) })
	}
	if !h.written {
		h.written = true
		f.ev.FirstWrite(h.path, binary.BigEndian.Uint64(head[fixed+name:]))
	}
	f.forward(r, head)
	f.body = data
	return nil
}

// route looks at a whole packet and forwards it or answers it.
func (f *Filter) route(packet []byte) error {
	r := request{typ: packet[4], id: binary.BigEndian.Uint32(packet[5:])}
	rest := packet[9:]
	if climbs(rest, acts(r.typ)) {
		return f.answer(func() []byte { return outside(r.id) })
	}
	switch r.typ {
	case fxpInit:
		return errMalformed // once is enough
	case fxpOpen, fxpOpendir:
		path, _, ok := cutString(rest)
		if !ok {
			return errMalformed
		}
		r.path = path
	case fxpClose, fxpRead, fxpFstat, fxpFsetstat, fxpReaddir:
		name, _, ok := cutString(rest)
		if !ok {
			return errMalformed
		}
		h, err := f.find(name)
		if err != nil {
			return err
		}
		if h == nil {
			return f.answer(func() []byte { return notOpen(r.id) })
		}
		r.path = h.path
		if r.typ == fxpFsetstat {
			// It may empty the file: no WRITE may run beside it.
			if err := f.barrier(); err != nil {
				return err
			}
			f.alone = true
		}
		if r.typ == fxpClose {
			f.mu.Lock()
			delete(f.handles, name)
			f.mu.Unlock()
		}
	case fxpSetstat:
		if err := f.barrier(); err != nil {
			return err
		}
		f.alone = true
	case fxpExtended:
		name, args, ok := cutString(rest)
		if !ok {
			return errMalformed
		}
		switch name {
		case extLimits:
			return f.answer(func() []byte { return limits(r.id) })
		case extFsync:
			return f.answer(func() []byte { return f.fsync(r.id, args) })
		case extRename:
			if climbs(args, 2) {
				return f.answer(func() []byte { return outside(r.id) })
			}
		}
	}
	f.forward(r, packet)
	return nil
}

func (f *Filter) forward(r request, packet []byte) {
	f.mu.Lock()
	f.waiting = append(f.waiting, r)
	f.mu.Unlock()
	f.head = packet
}

// barrier waits until every earlier request has its answer. Nothing later is
// forwarded in the meantime: this is Read's goroutine.
func (f *Filter) barrier() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.waiting) > 0 && !f.dead {
		f.moved.Wait()
	}
	if f.dead {
		return io.ErrClosedPipe
	}
	return nil
}

// answer sends an answer of our own when every earlier one is out.
func (f *Filter) answer(make func() []byte) error {
	if err := f.barrier(); err != nil {
		return err
	}
	_, err := f.ch.Write(make())
	return err
}

// find returns an open handle, nil when there is none of that name. A client
// that guesses the name of a handle waits for the answer that gives it out.
func (f *Filter) find(name string) (*handle, error) {
	if h := f.lookup(name); h != nil {
		return h, nil
	}
	if err := f.barrier(); err != nil {
		return nil, err
	}
	return f.lookup(name), nil
}

func (f *Filter) lookup(name string) *handle {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.handles[name]
}

func (f *Filter) fsync(id uint32, args []byte) []byte {
	name, _, ok := cutString(args)
	h := f.lookup(name)
	if !ok || h == nil {
		return notOpen(id)
	}
	if err := f.ev.Sync(h.path); err != nil {
		return status(id, statusFailure, fault.Message(err))
	}
	return status(id, statusOK, "")
}

// Write takes pkg/sftp's answers, which come in pieces, and passes them to the
// client. Only answers that matter here are held until they are whole. pkg/sftp
// drops its error: a client that is gone must not leave a barrier waiting.
func (f *Filter) Write(p []byte) (int, error) {
	n, err := f.passOn(p)
	if err != nil {
		f.die()
	}
	return n, err
}

func (f *Filter) passOn(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		if f.pass > 0 {
			n := min(f.pass, len(rest))
			if _, err := f.ch.Write(rest[:n]); err != nil {
				return 0, err
			}
			if f.pass -= n; f.pass == 0 {
				f.answered(nil)
			}
			rest = rest[n:]
			continue
		}
		n, err := f.gather(rest)
		if err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(p), nil
}

// gather takes bytes of an answer until it is known what to do with it.
func (f *Filter) gather(p []byte) (int, error) {
	n := f.hold(p, 5)
	if len(f.held) < 5 {
		return n, nil
	}
	length := 4 + int(binary.BigEndian.Uint32(f.held))
	typ := f.held[4]
	whole := typ == fxpStatus || typ == fxpHandle
	want := length
	if !whole {
		// Data, names and attributes pass through. pkg/sftp writes head and
		// data apart; together they fill the client's channel packets.
		want = min(length, channelPacket)
	}
	n += f.hold(p[n:], want)
	if len(f.held) < want {
		return n, nil
	}
	packet := f.held
	f.held = nil
	if whole {
		// What the client sends on reading this is looked at after it.
		f.order.Lock()
		defer f.order.Unlock()
	}
	if _, err := f.ch.Write(packet); err != nil {
		return n, err
	}
	if cap(packet) <= 512 { // an idle session keeps no large buffer
		f.held = packet[:0]
	}
	switch {
	case whole:
		f.answered(packet)
	case length == want:
		f.answered(nil)
	default:
		f.pass = length - want
	}
	return n, nil
}

// hold adds bytes of p to what is held until that has the wanted length.
func (f *Filter) hold(p []byte, want int) int {
	n := min(max(want-len(f.held), 0), len(p))
	f.held = append(f.held, p[:n]...)
	return n
}

// answered takes the head of the queue off: its answer has been written.
// packet is that answer when it was held whole. It is the last that Write does
// for an answer: when the queue is empty, another request server may write.
func (f *Filter) answered(packet []byte) {
	f.mu.Lock()
	if len(f.waiting) == 0 { // pkg/sftp never answers what was not asked
		f.mu.Unlock()
		return
	}
	r := f.waiting[0]
	if (r.typ == fxpOpen || r.typ == fxpOpendir) && len(packet) > 9 && packet[4] == fxpHandle {
		if name, _, ok := cutString(packet[9:]); ok {
			f.handles[name] = &handle{path: r.path}
		}
	}
	closed := r.typ == fxpClose && len(packet) >= 13 && packet[4] == fxpStatus && binary.BigEndian.Uint32(packet[9:]) == statusOK
	f.waiting = f.waiting[1:]
	f.moved.Broadcast()
	f.mu.Unlock()
	if closed {
		f.ev.Closed(r.path)
	}
}
