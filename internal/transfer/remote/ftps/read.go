package ftps

import (
	"context"
	"errors"
	"io"

	"github.com/jlaffaye/ftp"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
)

// Open implements remote.Session. The server is asked for the content when it is first
// read. A file that is closed between that and long before its end ends the session: FTP
// has no way to stop a transfer that all servers agree on.
func (s *Session) Open(ctx context.Context, name string, offset int64) (*remote.File, error) {
	const op = "ftps: open"
	name, err := s.path(op, name)
	if err != nil {
		return nil, err
	}
	entry, err := s.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	if entry.Kind != remote.Regular {
		return nil, fault.New(fault.Invalid, op, "this is no file on the server")
	}
	if offset < 0 || offset > entry.Size {
		return nil, remote.Short(op, entry.Size, offset)
	}
	r := &reader{session: s, ctx: ctx, name: name, at: offset, size: entry.Size}
	s.reading = true
	r.uncut = context.AfterFunc(ctx, s.cut)
	return &remote.File{ReadCloser: r, Entry: entry}, nil
}

// reader reads a file from its data connection.
type reader struct {
	session  *Session
	ctx      context.Context
	name     string
	response *ftp.Response // nil before the server was asked for the content
	at, size int64
	uncut    func() bool // the end of the context matters no more
	longer   bool        // than its size
	ended    bool        // on both connections, whole or not: the session can go on
	err      error       // for ever
}

// Read implements io.Reader. The end is one when TLS said so, the server said so on
// the control connection (226), and as many bytes came as it had named.
func (r *reader) Read(b []byte) (int, error) {
	const op = "ftps: read"
	if r.err != nil || len(b) == 0 {
		return 0, r.err
	}
	if r.response == nil {
		if r.err = r.session.explain(r.ctx, "ftps: open", r.ask()); r.err != nil {
			return 0, r.err
		}
	}
	n, err := r.read(b)
	if errors.Is(err, io.EOF) {
		err = r.end()
		r.err = io.EOF
	}
	if r.at+int64(n) > r.size {
		r.longer = true
		n, err = int(r.size-r.at), remote.Short(op, r.at+int64(n), r.size)
	}
	r.at += int64(n)
	switch {
	case err != nil:
		r.err = r.session.explain(r.ctx, op, err)
	case r.err != nil && r.at != r.size:
		r.err = remote.Short(op, r.at, r.size)
	}
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

// ask asks the server for the content.
func (r *reader) ask() error {
	s := r.session
	s.willCarry(r.size - r.at)
	defer s.willCarry(0)
	return s.do(r.ctx, "ftps: open", func() (err error) {
		r.response, err = s.ftp.RetrFrom(r.name, uint64(r.at))
		return err
	})
}

// willCarry tells the next data connection how many bytes of a file it is for.
func (s *Session) willCarry(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.carries = n
}

// read reads what has come. The data connection has its own time for that, and is cut
// when the context ends.
func (r *reader) read(b []byte) (n int, err error) {
	err = guarded(func() (err error) {
		n, err = r.response.Read(b)
		return err
	})()
	return n, err
}

// end waits for what the server says of the transfer when its data has ended.
func (r *reader) end() error {
	err := r.session.do(r.ctx, "ftps: read", r.response.Close)
	r.ended = err == nil || code(err) != 0
	return err
}

// unused is how much is read, to no use, of a file that is longer than the server had
// said, or that is closed before its end. One that grows, or is another one than was
// expected, keeps nobody else from being fetched.
const unused = 1 << 20

// drain reads a file to its end.
func (r *reader) drain() {
	buf := make([]byte, 32<<10)
	for left := unused; left > 0; {
		n, err := r.read(buf)
		if errors.Is(err, io.EOF) {
			_ = r.end()
		}
		if err != nil {
			return
		}
		left -= n
	}
}

// Close implements io.Closer.
func (r *reader) Close() error {
	r.session.reading = false
	if r.response == nil {
		r.ended = true
	}
	if !r.ended && (r.longer || r.err == nil && r.size-r.at < unused) {
		r.drain()
	}
	r.uncut()
	if !r.ended {
		r.session.cut()
	}
	if r.err == nil || errors.Is(r.err, io.EOF) {
		r.err = errors.New("the file is closed")
	}
	return nil
}
