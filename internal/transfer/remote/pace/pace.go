// Package pace gives up servers that move next to nothing: one that answers just before
// it would be taken for dead, or sends a byte at a time, would hold a visit for as long
// as a visit may last, and its place with it.
//
// What counts is the time that is spent waiting for the server, and what it moves in
// that: bytes of files, names, and each answer as if it were 16 KiB. So a server that
// thinks for fifteen seconds about everything is waited for, one that takes twice as
// long is not.
package pace

import (
	"context"
	"io"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

const (
	window = 5 * time.Minute
	least  = 64 << 10 // bytes a minute
	answer = 16 << 10 // what one counts as
	name   = 64       // beside its letters
)

// errSlow ends a session.
var errSlow = &fault.Error{
	Kind: fault.TryLater, Op: "remote: pace", Err: why.TooSlow.By(remote.ErrSilent),
	Message: "the server, or the way to it, is so slow that it is not waited for: in five minutes it moved less than 64 KiB a minute",
}

// session is one that is watched.
type session struct {
	remote.Session
	now   func() time.Time
	spent time.Duration // in this window
	moved int64
	err   error // for ever
}

// Watch returns the session, which fails from when its server is too slow.
func Watch(s remote.Session, now func() time.Time) remote.Session {
	return &session{Session: s, now: now}
}

// fit fails when the server was too slow.
func (s *session) fit() error {
	if s.spent >= window {
		if float64(s.moved) < least*s.spent.Minutes() {
			s.err = errSlow
		}
		s.spent, s.moved = 0, 0
	}
	return s.err
}

// ask waits for an answer.
func ask[T any](s *session, f func() (T, error)) (got T, err error) {
	if err := s.fit(); err != nil {
		return got, err
	}
	began := s.now()
	got, err = f()
	s.spent += s.now().Sub(began)
	s.moved += answer
	return got, err
}

// do is ask for what answers nothing.
func (s *session) do(f func() error) error {
	_, err := ask(s, func() (struct{}, error) { return struct{}{}, f() })
	return err
}

// List implements remote.Session.
func (s *session) List(ctx context.Context, dir string) ([]remote.Entry, error) {
	list, err := ask(s, func() ([]remote.Entry, error) { return s.Session.List(ctx, dir) })
	for _, e := range list {
		s.moved += int64(len(e.Name)) + name
	}
	return list, err
}

// Stat implements remote.Session.
func (s *session) Stat(ctx context.Context, path string) (remote.Entry, error) {
	return ask(s, func() (remote.Entry, error) { return s.Session.Stat(ctx, path) })
}

// Open implements remote.Session.
func (s *session) Open(ctx context.Context, path string, offset int64) (*remote.File, error) {
	f, err := ask(s, func() (*remote.File, error) { return s.Session.Open(ctx, path, offset) })
	if err != nil {
		return nil, err
	}
	return &remote.File{ReadCloser: &file{f.ReadCloser, s}, Entry: f.Entry}, nil
}

// file is one that is read.
type file struct {
	io.ReadCloser
	session *session
}

// Read implements io.Reader.
func (f *file) Read(b []byte) (int, error) {
	s := f.session
	if err := s.fit(); err != nil {
		return 0, err
	}
	began := s.now()
	n, err := f.ReadCloser.Read(b)
	s.spent += s.now().Sub(began)
	s.moved += int64(n)
	return n, err
}

// Create implements remote.Session. Sessions wait half a minute at most until a block is
// taken, so it is enough to count.
func (s *session) Create(ctx context.Context, path string, content io.Reader) (remote.Proof, error) {
	p, err := ask(s, func() (remote.Proof, error) { return s.Session.Create(ctx, path, content) })
	s.moved += p.Size
	return p, err
}

// Rename implements remote.Session.
func (s *session) Rename(ctx context.Context, from, to string, replace bool) error {
	return s.do(func() error { return s.Session.Rename(ctx, from, to, replace) })
}

// Remove implements remote.Session.
func (s *session) Remove(ctx context.Context, path string) error {
	return s.do(func() error { return s.Session.Remove(ctx, path) })
}

// Mkdir implements remote.Session.
func (s *session) Mkdir(ctx context.Context, path string) error {
	return s.do(func() error { return s.Session.Mkdir(ctx, path) })
}
