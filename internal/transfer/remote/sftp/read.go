package sftp

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/pkg/sftp"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

const (
	// blockSize is what one request asks for: more than 32 KiB does not work with all
	// servers.
	blockSize = 32 << 10
	// ahead is how many requests are under way.
	ahead = 64
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
	var f *sftp.File
	err = s.within(ctx, s.patience, func() (err error) {
		f, err = s.sftp.Open(name)
		return err
	})
	if err != nil {
		return nil, s.explain(ctx, op, err)
	}
	r := &reader{session: s, ctx: ctx, file: f, at: offset, asked: offset, size: entry.Size}
	return &remote.File{ReadCloser: r, Entry: entry}, nil
}

// reader reads a file block by block, with requests ahead of where it is. Requests
// stand in a queue in their order; the library fills each one's block whole, also
// when the server answers in smaller pieces.
type reader struct {
	session *Session
	ctx     context.Context
	file    *sftp.File
	size    int64 // that the server named

	queue  []*block
	asked  int64  // the offset that is asked for next
	at     int64  // the offset that Read is at
	rest   []byte // of the newest block
	newest []byte // that block, to be used again
	spare  [][]byte
	err    error // for ever
	flight sync.WaitGroup
}

// block is one request, and its answer once done is closed.
type block struct {
	data []byte
	err  error
	done chan struct{}
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

// next returns the next block. At the named size one byte more is asked for: only
// when the server says that there is none, the file has ended.
func (r *reader) next() ([]byte, error) {
	const op = "sftp: read"
	if cap(r.newest) >= blockSize {
		r.spare = append(r.spare, r.newest[:blockSize])
		r.newest = nil
	}
	for len(r.queue) < ahead && r.asked < r.size {
		r.ask(min(blockSize, r.size-r.asked))
	}
	if len(r.queue) == 0 && r.asked == r.size {
		r.ask(1)
	}
	b := r.queue[0]
	r.queue = r.queue[1:]
	err := r.session.within(r.ctx, r.session.patience, func() error { <-b.done; return b.err })
	switch past := r.at >= r.size; {
	case past && len(b.data) > 0:
		return nil, remote.Short(op, r.at+1, r.size)
	case past && errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.Is(err, io.EOF):
		return nil, remote.Short(op, r.at+int64(len(b.data)), r.size)
	case err != nil:
		return nil, r.session.explain(r.ctx, op, err)
	}
	r.newest = b.data
	return b.data, nil
}

// ask sends a request for the next n bytes.
func (r *reader) ask(n int64) {
	b := &block{done: make(chan struct{})}
	if last := len(r.spare) - 1; last >= 0 {
		b.data, r.spare = r.spare[last][:n], r.spare[:last]
	} else {
		b.data = make([]byte, n)
	}
	off := r.asked
	r.asked += n
	r.queue = append(r.queue, b)
	r.flight.Go(func() {
		defer close(b.done)
		var got int
		got, b.err = r.file.ReadAt(b.data, off)
		b.data = b.data[:got]
		if got > 0 && int64(got) == n {
			b.err = nil // an end right behind it is asked for on its own
		}
	})
}

// Close implements io.Closer. What was not read is waited for: it is on its way.
func (r *reader) Close() error {
	if r.err == nil {
		r.err = errors.New("the file is closed")
	}
	r.rest, r.queue, r.spare = nil, nil, nil
	return r.session.explain(r.ctx, "sftp: close", r.session.within(r.ctx, r.session.patience, func() error {
		r.flight.Wait()
		return r.file.Close()
	}))
}
