package sftp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/transfer/remote"
)

// Kinds of packets of SFTP, version 3, that are spoken here and not by the library.
const (
	kindOpen     = 3
	kindClose    = 4
	kindRead     = 5
	kindStatus   = 101
	kindHandle   = 102
	kindData     = 103
	kindExtended = 200
	kindReply    = 201
)

const (
	// ownRequests is where the numbers of requests begin that are asked here: the
	// library counts its own from 1.
	ownRequests = 1 << 31

	// maxAnswer bounds one packet, as it does in the library.
	maxAnswer = 256 << 10
)

// line is the SFTP channel as the library sees it. What the library has no words for,
// or is slow at, is asked beside it: requests whose numbers it never uses, and whose
// answers are taken out on their way, data right to where it belongs. While such
// requests are under way, the library asks nothing.
type line struct {
	in   *bufio.Reader // read by the library, which always does
	rest int           // of a packet of the library's

	send sync.Mutex // held while out is used
	out  io.WriteCloser

	mu     sync.Mutex
	newest uint32
	asked  map[uint32]*request
	gone   error // nothing is answered any more
}

// request is something that was asked. What follows done belongs to the line until
// that is closed.
type request struct {
	done chan struct{}
	data []byte // room for the data, and then the data
	kind byte   // of the answer
	body []byte // of one that is no data
	err  error  // the connection is gone
}

// dialLine opens the SFTP subsystem on a connection.
func dialLine(conn *ssh.Client) (*line, error) {
	session, err := conn.NewSession()
	if err != nil {
		return nil, err
	}
	out, err := session.StdinPipe()
	if err != nil {
		return nil, err
	}
	in, err := session.StdoutPipe()
	if err != nil {
		return nil, err
	}
	complaints, err := session.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := session.RequestSubsystem("sftp"); err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, complaints) }() // or they fill the channel
	// Each read of a channel sends the server a packet, so it is not read byte by byte.
	return &line{in: bufio.NewReaderSize(in, 64<<10), out: out, newest: ownRequests, asked: map[uint32]*request{}}, nil
}

// Write implements io.Writer, for the library.
func (l *line) Write(b []byte) (int, error) {
	l.send.Lock()
	defer l.send.Unlock()
	return l.out.Write(b)
}

// Close implements io.Closer, for the library, which calls it when it reads no more.
func (l *line) Close() error {
	l.end(errors.New("the library has closed it"))
	l.send.Lock()
	defer l.send.Unlock()
	return l.out.Close()
}

// Read implements io.Reader, for the library, in whose goroutine a panic over what the
// server sent would end the gateway: it ends the connection.
func (l *line) Read(b []byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = 0, fmt.Errorf("reading the server's answer: %v", p)
			l.end(err)
		}
	}()
	for l.rest == 0 {
		own, err := l.next()
		if err != nil {
			l.end(err)
			return 0, err
		}
		if !own {
			break
		}
	}
	n, err = l.in.Read(b[:min(len(b), l.rest)])
	l.rest -= n
	if err != nil {
		l.end(err)
	}
	return n, err
}

// next looks at the packet that comes, and takes it when it is an answer to a request
// of ours.
func (l *line) next() (own bool, err error) {
	const (
		length = 4
		head   = length + 1 + 4 // length, kind, number
	)
	b, err := l.in.Peek(length)
	if err != nil {
		return false, err
	}
	size := int64(binary.BigEndian.Uint32(b))
	if l.rest = int(length + size); size < head-length { // the library complains of it
		return false, nil
	}
	if b, err = l.in.Peek(head); err != nil {
		return false, err
	}
	kind, id := b[length], binary.BigEndian.Uint32(b[length+1:])
	if kind < kindStatus || id <= ownRequests {
		return false, nil
	}
	l.rest = 0
	_, _ = l.in.Discard(head)
	return true, l.answer(kind, id, size-(head-length))
}

// answer reads the size bytes of an answer that are left.
func (l *line) answer(kind byte, id uint32, size int64) error {
	if size > maxAnswer {
		return fmt.Errorf("an answer of %d bytes", size)
	}
	l.mu.Lock()
	r := l.asked[id]
	delete(l.asked, id)
	l.mu.Unlock()
	if r == nil {
		return errors.New("an answer to nothing that was asked")
	}
	r.kind = kind
	r.err = l.read(r, size)
	close(r.done)
	return r.err
}

func (l *line) read(r *request, size int64) error {
	if r.kind != kindData {
		r.body = make([]byte, size)
		_, err := io.ReadFull(l.in, r.body)
		return err
	}
	if size < 4 {
		return errors.New("data without its length")
	}
	b, err := l.in.Peek(4)
	if err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n > size-4 || n > int64(len(r.data)) {
		return fmt.Errorf("%d bytes of data where there is room for %d", n, len(r.data))
	}
	_, _ = l.in.Discard(4)
	r.data = r.data[:n]
	if _, err := io.ReadFull(l.in, r.data); err != nil {
		return err
	}
	_, err = l.in.Discard(int(size - 4 - n))
	return err
}

// end lets nobody wait any more.
func (l *line) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone == nil {
		l.gone = fmt.Errorf("%w: %w", remote.ErrCut, err)
	}
	for id, r := range l.asked {
		delete(l.asked, id)
		r.err = l.gone
		close(r.done)
	}
}

// ask sends a request; body is what follows its number, and data is room for data that
// may be answered.
func (l *line) ask(kind byte, data []byte, body ...any) *request {
	r := &request{done: make(chan struct{}), data: data}
	l.mu.Lock()
	if l.gone != nil {
		r.err = l.gone
		close(r.done)
		l.mu.Unlock()
		return r
	}
	l.newest++
	l.asked[l.newest] = r
	packet := append(make([]byte, 4, 64), kind)
	packet = binary.BigEndian.AppendUint32(packet, l.newest)
	l.mu.Unlock()
	for _, field := range body {
		switch v := field.(type) {
		case uint32:
			packet = binary.BigEndian.AppendUint32(packet, v)
		case uint64:
			packet = binary.BigEndian.AppendUint64(packet, v)
		case string:
			packet = binary.BigEndian.AppendUint32(packet, uint32(len(v)))
			packet = append(packet, v...)
		}
	}
	binary.BigEndian.PutUint32(packet, uint32(len(packet)-4))
	if _, err := l.Write(packet); err != nil {
		l.end(err)
	}
	return r
}

// wait returns the body of an answer of a kind, or why there is none.
func (r *request) wait(kind byte) ([]byte, error) {
	<-r.done
	switch {
	case r.err != nil:
		return nil, r.err
	case r.kind == kindStatus:
		return nil, status(r.body)
	case r.kind != kind:
		return nil, fmt.Errorf("an answer of kind %d in place of %d", r.kind, kind)
	}
	return r.body, nil
}

// text takes a string from the beginning of a packet's rest.
func text(b []byte) (s string, rest []byte, ok bool) {
	if len(b) < 4 || uint64(binary.BigEndian.Uint32(b)) > uint64(len(b)-4) {
		return "", nil, false
	}
	n := 4 + int(binary.BigEndian.Uint32(b))
	return string(b[4:n]), b[n:], true
}

// errEnd is the status of a read behind the end of a file.
var errEnd = errors.New("the end of the file")

// refusedError is any other status than those that have an error of their own.
type refusedError struct {
	code    uint32
	message string
}

func (e *refusedError) Error() string { return fmt.Sprintf("%q (code %d)", e.message, e.code) }

// status is the error that a STATUS tells.
func status(body []byte) error {
	if len(body) < 4 {
		return errors.New("a status without a code")
	}
	code := binary.BigEndian.Uint32(body)
	message, _, _ := text(body[4:]) // some servers leave it out
	switch code {
	case 0:
		return errDone
	case 1:
		return errEnd
	case 2:
		return os.ErrNotExist
	case 3:
		return os.ErrPermission
	}
	return &refusedError{code, message}
}

// errDone is the status of what was done.
var errDone = errors.New("done")
