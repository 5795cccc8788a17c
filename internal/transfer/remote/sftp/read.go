package sftp

import (
	"context"
	"errors"
	"io"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

const (
	// smallBlock is what one request asks for: more does not work with all servers.
	smallBlock = 32 << 10
	// largeBlock is asked for where the server offers to tell its limits
	// (limits@openssh.com); it is the limit of OpenSSH, and an answer that is shorter
	// makes it smaller.
	largeBlock = 255 << 10
	// ahead is how much is asked for before it is read: what may be under way on an SSH
	// channel.
	ahead = 2 << 20
)

// Open implements remote.Session.
func (s *Session) Open(ctx context.Context, name string, offset int64) (*remote.File, error) {
	const op = "sftp: open"
	if err := remote.CheckPath(name); err != nil {
		return nil, err
	}
	entry, err := s.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	if entry.Kind != remote.Regular {
		return nil, fault.New(fault.Invalid, op, "this is no file on the server")
	}
	if entry.Size < 0 {
		return nil, why.Wrong.New(fault.Damaged, op, "the server says that the file has less than no bytes")
	}
	if offset < 0 || offset > entry.Size {
		return nil, remote.Short(op, entry.Size, offset)
	}
	r := &reader{session: s, ctx: ctx, block: smallBlock, at: offset, asked: offset, size: entry.Size}
	if _, ok := s.sftp.HasExtension("limits@openssh.com"); ok {
		r.block = largeBlock
	}
	err = s.within(ctx, s.patience, func() error {
		const forReading, noAttributes = uint32(1), uint32(0)
		body, err := s.line.ask(kindOpen, nil, name, forReading, noAttributes).wait(kindHandle)
		if err != nil {
			return err
		}
		var ok bool
		if r.handle, _, ok = text(body); !ok {
			err = errors.New("a handle that is none")
		}
		return err
	})
	if err != nil {
		return nil, s.explain(ctx, op, err)
	}
	return &remote.File{ReadCloser: r, Entry: entry}, nil
}

// reader reads a file block by block, with requests ahead of where it is. They are
// asked, and answered, in the order of the file.
type reader struct {
	session *Session
	ctx     context.Context
	handle  string
	size    int64 // that the server named

	block int64 // how much one request asks for
	queue []*piece
	asked int64  // the offset that is asked for next
	past  bool   // the byte behind the end was asked for, too
	at    int64  // the offset that Read is at
	rest  []byte // of the newest answer
	spare [][]byte
	used  []byte // the room of the newest answer
	err   error  // for ever
}

// piece is one request for data.
type piece struct {
	*request
	off  int64
	room []byte // all of it
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 && r.err == nil {
		r.rest, r.err = r.next()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	r.at += int64(n)
	return n, nil
}

// next returns the next bytes. At the named size one byte more is asked for: only when
// the server says that there is none, the file has ended.
func (r *reader) next() ([]byte, error) {
	const op = "sftp: read"
	if r.used != nil {
		r.spare = append(r.spare, r.used)
		r.used = nil
	}
	var p *piece
	// A larger answer has more time: on a slow line it is long on its way.
	patience := r.session.patience * time.Duration(max(1, r.block/smallBlock))
	err := r.session.within(r.ctx, patience, func() error {
		r.askAhead()
		p = r.queue[0]
		r.queue = r.queue[1:]
		_, err := p.wait(kindData)
		return err
	})
	switch behind := p.off >= r.size; {
	case behind && err == nil:
		return nil, remote.Short(op, p.off+1, r.size)
	case behind && errors.Is(err, errEnd):
		return nil, io.EOF
	case errors.Is(err, errEnd):
		return nil, remote.Short(op, p.off, r.size)
	case err == nil && len(p.data) == 0:
		return nil, r.session.explain(r.ctx, op, errors.New("data without a byte"))
	case err != nil:
		return nil, r.session.explain(r.ctx, op, err)
	}
	if missing := int64(len(p.room) - len(p.data)); missing > 0 {
		// The rest is asked for at once, and less with each request from now on.
		r.block = max(min(r.block, int64(len(p.data))), minBlock)
		off := p.off + int64(len(p.data))
		r.queue = append([]*piece{r.ask(off, make([]byte, missing))}, r.queue...)
	}
	r.used = p.room
	return p.data, nil
}

// minBlock is the least that is asked for with one request.
const minBlock = 4 << 10

// askAhead asks for what comes next.
func (r *reader) askAhead() {
	for len(r.queue) < int(ahead/r.block) && r.asked < r.size {
		n := min(r.block, r.size-r.asked)
		r.queue = append(r.queue, r.ask(r.asked, r.room(n)))
		r.asked += n
	}
	if r.asked == r.size && !r.past {
		r.past = true
		r.queue = append(r.queue, r.ask(r.size, make([]byte, 1)))
	}
}

// room returns space for n bytes.
func (r *reader) room(n int64) []byte {
	for len(r.spare) > 0 {
		last := r.spare[len(r.spare)-1]
		r.spare = r.spare[:len(r.spare)-1]
		if int64(cap(last)) >= n {
			return last[:n]
		}
	}
	return make([]byte, n)
}

func (r *reader) ask(off int64, room []byte) *piece {
	return &piece{r.session.line.ask(kindRead, room, r.handle, uint64(off), uint32(len(room))), off, room}
}

// Close implements io.Closer. What was not read is waited for: it is on its way.
func (r *reader) Close() error {
	if r.err == nil {
		r.err = errors.New("the file is closed")
	}
	pieces := r.queue
	r.rest, r.queue, r.spare = nil, nil, nil
	return r.session.explain(r.ctx, "sftp: close", r.session.within(r.ctx, r.session.patience, func() error {
		for _, p := range pieces {
			<-p.done
		}
		_, err := r.session.line.ask(kindClose, nil, r.handle).wait(kindStatus)
		if errors.Is(err, errDone) {
			err = nil
		}
		return err
	}))
}
