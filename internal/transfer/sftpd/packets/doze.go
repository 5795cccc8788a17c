package packets

import (
	"encoding/binary"
	"io"
	"time"

	"sealgate/internal/fault"
)

// dozeAfter is how long a session without an open handle keeps its request
// server.
const dozeAfter = time.Second

// start is the beginning of a packet: its length and type.
type start [5]byte

func (s start) length() int { return int(binary.BigEndian.Uint32(s[:])) }
func (s start) typ() byte   { return s[4] }

// Run answers INIT, then waits for packets and runs serve while there are any. A
// request server of pkg/sftp has a dozen goroutines and knows nothing that a
// session without open handles would miss: so it is started by a packet and sent
// home when the session dozes. Most sessions doze most of the time; they cost
// one goroutine here.
//
// serve is told whether files will be opened. A server for transfers keeps
// buffers of 256 KiB, which spares the collector a fifth of the work of an
// upload; one that lists folders needs none. When the first OPEN comes, the one
// makes room for the other.
//
// Run returns when the session is over, and then nothing of it runs any more.
func (f *Filter) Run(serve func(transfers bool) error) error {
	if err := f.hello(); err != nil {
		return err
	}
	var served chan error // of the request server that runs; nil = none does
	transfers := false    // it is one for transfers
	for {
		s, err := f.await()
		if err != nil {
			f.reason = err
			close(f.gone)
			if served != nil {
				<-served
			}
			return err
		}
		opens := s.typ() == fxpOpen
		if opens && served != nil && !transfers {
			select {
			case f.home <- struct{}{}:
			case <-served:
				served = nil
			}
		}
		for taken := false; !taken; {
			if served == nil {
				served, transfers = make(chan error, 1), opens
				go func(done chan<- error) { done <- serve(opens) }(served)
			}
			select {
			case f.starts <- s:
				taken = true
			case <-served: // it went home
				served = nil
			}
		}
		select {
		case <-f.turn:
		case err := <-served: // it ended in the middle of a packet
			return err
		}
	}
}

// hello answers INIT, which comes first and once.
func (f *Filter) hello() error {
	s, err := f.await()
	if err != nil {
		return err
	}
	if s.typ() != fxpInit {
		return errMalformed
	}
	if _, err := io.CopyN(io.Discard, f.ch, int64(s.length()-1)); err != nil {
		return unexpected(err)
	}
	_, err = f.ch.Write(version())
	return err
}

// await reads the beginning of a packet.
func (f *Filter) await() (s start, err error) {
	_, err = io.ReadFull(f.ch, s[:])
	if err == nil || err == io.EOF {
		f.order.Lock()
		f.ev.Followed(err == io.EOF)
		f.order.Unlock()
	}
	if n := s.length(); err == nil && (n < 5 || n > maxPacket) {
		err = fault.New(fault.Invalid, "packets: read", "a packet of %d bytes is not allowed", n)
	}
	return s, err
}

// begin is Read's side of Run: it gives the channel back and waits for the next
// packet. io.EOF sends the request server home.
func (f *Filter) begin() (start, error) {
	if f.mine {
		f.mine = false
		f.turn <- struct{}{}
	}
	sleepy := time.NewTimer(f.doze)
	defer sleepy.Stop()
	for {
		select {
		case s := <-f.starts:
			f.mine = true
			return s, nil
		case <-f.gone:
			return start{}, f.reason
		case <-f.home:
			if err := f.barrier(); err != nil {
				return start{}, err
			}
			if f.Idle() { // a folder may be open
				return start{}, io.EOF
			}
		case <-sleepy.C:
			if f.Idle() {
				return start{}, io.EOF
			}
			sleepy.Reset(f.doze)
		}
	}
}
