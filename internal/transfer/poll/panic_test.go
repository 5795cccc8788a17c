package poll_test

import (
	"context"
	"io"
	"testing"
	"time"

	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/visittest"
)

// panicking is a session whose files panic in the middle.
type panicking struct{ remote.Session }

func (s panicking) Open(ctx context.Context, path string, offset int64) (*remote.File, error) {
	f, err := s.Session.Open(ctx, path, offset)
	if err != nil {
		return nil, err
	}
	return &remote.File{ReadCloser: &broken{f.ReadCloser, 9 << 20}, Entry: f.Entry}, nil
}

type broken struct {
	io.ReadCloser
	left int
}

func (b *broken) Read(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		panic("test")
	}
	return b.ReadCloser.Read(p)
}

// A panic over one file leaves nothing of it behind, and the others come before it from
// then on.
func TestAFileThatPanics(t *testing.T) {
	w := newWorld(t, visittest.BySSH(remotetest.OpenSSH(t)))
	w.Put("big.bin", remotetest.Bytes(12<<20, 1))
	w.Put("later.xml", []byte("x"))
	w.Dated("later.xml", 5)
	w.visits(0)
	w.Clock.Add(time.Minute)
	w.Wrap = func(s remote.Session) remote.Session { return panicking{s} }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("nothing panicked")
			}
		}()
		_, _ = w.visit()
	}()
	w.Wrap, w.job.Limits.Files = nil, 1
	w.visits(0)
	w.expect("the other one first", "later.xml=x")
	w.visits(time.Minute)
	w.expect("both", "big.bin=12582912", "later.xml=x")
	if all := w.Files(); len(all) != 2 {
		t.Errorf("%d arrivals", len(all))
	}
}
