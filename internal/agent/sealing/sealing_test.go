package sealing

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/connect"
	"sealgate/internal/seal"
)

type owner struct {
	account *connect.Account
	key     *ecdh.PrivateKey
	access  hpke.PrivateKey
}

func newOwner(t *testing.T) *owner {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<33, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := key.ECDH()
	if err != nil {
		t.Fatal(err)
	}
	access, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &owner{key: private, access: access, account: &connect.Account{
		ID: uuid.New(), Content: connect.ContentKeep, Certificates: [][]byte{der}, AccessKeys: [][]byte{access.PublicKey().Bytes()},
	}}
}

func (o *owner) plan(t *testing.T) *Plan {
	t.Helper()
	l, err := NewLock(o.account)
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.New(uuid.Must(uuid.NewV7()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (o *owner) open(t *testing.T, object []byte) ([]byte, seal.Trailer) {
	t.Helper()
	r, err := seal.OpenReaderAt(bytes.NewReader(object), int64(len(object)), func(h seal.Header) (*seal.FileKey, error) { return h.FileKey(o.key, o.access) })
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := r.VerifyTo(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), r.Trailer()
}

func content(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

var trailer = seal.Trailer{Name: "pay.xml", ReceivedAt: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}

// What is sealed here opens with certificate and access key, like any sealed file.
func TestWhole(t *testing.T) {
	o := newOwner(t)
	for _, n := range []int{0, 1, seal.SlotSize, seal.SlotSize + 1, 3 * seal.SlotSize} {
		want := content(n)
		p := o.plan(t)
		object, err := p.Whole(want, trailer)
		if err != nil || int64(len(object)) != p.Size(int64(n)) {
			t.Fatalf("%d bytes: an object of %d, %v", n, len(object), err)
		}
		got, tr := o.open(t, object)
		if !bytes.Equal(got, want) || tr.Name != "pay.xml" || tr.SHA256 != sha256.Sum256(want) {
			t.Errorf("%d bytes: another content came out, or another trailer: %+v", n, tr)
		}
	}
}

// collect puts the parts of a stream together and keeps what the journal would.
func collect(t *testing.T, s *Stream, object *bytes.Buffer, marks *[]From) error {
	t.Helper()
	s.Pool, s.Trailer = NewPool(2), trailer
	if object.Len() == 0 {
		object.Write(s.Plan.Header)
	}
	s.Send = func(context.Context, Part) error { return nil }
	s.Next = func(_ context.Context, p Part) error {
		if p.Offset != int64(object.Len()) || len(p.Bytes) > connect.PartSize {
			t.Errorf("a part of %d bytes at %d, behind %d", len(p.Bytes), p.Offset, object.Len())
		}
		object.Write(p.Bytes)
		*marks = append(*marks, From{p.Slots, p.Slots, p.Sum})
		return nil
	}
	_, err := s.Run(t.Context())
	return err
}

// A stream that broke at any part is continued there, and what comes out is one file.
func TestStreamsAreContinued(t *testing.T) {
	o := newOwner(t)
	for _, n := range []int{0, 5, 62 * seal.SlotSize, 63 * seal.SlotSize, 64*seal.SlotSize + 7, 200 * seal.SlotSize} {
		want := content(n)
		p := o.plan(t)
		var whole bytes.Buffer
		var marks []From
		if err := collect(t, &Stream{Plan: p, Content: bytes.NewReader(want), Size: int64(n)}, &whole, &marks); err != nil {
			t.Fatal(err)
		}
		if got, _ := o.open(t, whole.Bytes()); !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: another content came out", n)
		}
		// What the gateway has after a crash of its own ends at any slot.
		goOn := marks[:len(marks)-1]
		if slots := marks[len(marks)-1].Slots; slots > 2 {
			goOn = append(goOn, From{2, marks[0].Slots, marks[0].Sum}, From{slots, slots, marks[len(marks)-1].Sum})
		}
		for _, from := range goOn {
			again, err := Resume(p.Key(), p.Header)
			if err != nil {
				t.Fatal(err)
			}
			there := min(seal.SlotOffset(len(p.Header), from.Slots), p.Size(int64(n))-seal.TrailerSize)
			object := bytes.NewBuffer(bytes.Clone(whole.Bytes()[:there]))
			var more []From
			if err := collect(t, &Stream{Plan: again, Content: bytes.NewReader(want), Size: int64(n), From: from}, object, &more); err != nil {
				t.Fatal(err)
			}
			if got, _ := o.open(t, object.Bytes()); !bytes.Equal(got, want) {
				t.Errorf("%d bytes, continued behind %d slots: another content came out", n, from.Slots)
			}
		}
	}
}

// Other content than was begun with is never continued, and what grows or shrinks
// while it is read never ends.
func TestChangedContentIsNotSent(t *testing.T) {
	o := newOwner(t)
	want := content(130 * seal.SlotSize)
	p := o.plan(t)
	var object bytes.Buffer
	var marks []From
	if err := collect(t, &Stream{Plan: p, Content: bytes.NewReader(want), Size: int64(len(want))}, &object, &marks); err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(want)
	changed[5] ^= 1
	for what, s := range map[string]*Stream{
		"changed": {From: marks[0], Content: bytes.NewReader(changed), Size: int64(len(want))},
		"shorter": {Content: bytes.NewReader(want[:len(want)-1]), Size: int64(len(want))},
		"longer":  {Content: io.MultiReader(bytes.NewReader(want), bytes.NewReader([]byte{1})), Size: int64(len(want))},
	} {
		s.Plan = p
		sent := bytes.NewBuffer(bytes.Clone(object.Bytes()[:seal.SlotOffset(len(p.Header), s.From.Slots)]))
		if s.From.Slots == 0 {
			sent.Reset()
		}
		if err := collect(t, s, sent, new([]From)); !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAStreamEndsWithTheErrorOfItsSender(t *testing.T) {
	o := newOwner(t)
	want := content(300 * seal.SlotSize)
	broken := errors.New("the wire is cut")
	s := &Stream{Plan: o.plan(t), Content: bytes.NewReader(want), Size: int64(len(want)), Trailer: trailer, Pool: NewPool(2)}
	var n atomic.Int32
	s.Send = func(ctx context.Context, _ Part) error {
		if n.Add(1) == 2 {
			return broken
		}
		return ctx.Err()
	}
	if _, err := s.Run(t.Context()); !errors.Is(err, broken) || n.Load() > 3 || len(s.Pool) != 2 {
		t.Errorf("%v after %d parts, %d of 2 buffers given back", err, n.Load(), len(s.Pool))
	}
}

// An account whose content is deleted has no wraps in its files; one that keeps and
// has nothing to seal for is refused.
func TestLocks(t *testing.T) {
	o := newOwner(t)
	o.account.Content = connect.ContentDelete
	if p := o.plan(t); len(p.Header) != 80 {
		t.Errorf("a header of %d bytes without wraps", len(p.Header))
	}
	for _, bad := range []connect.Account{{Content: connect.ContentKeep}, {Content: connect.ContentKeep, Certificates: [][]byte{{1}}}, {Content: connect.ContentKeep, AccessKeys: [][]byte{{1}}}} {
		if _, err := NewLock(&bad); err == nil {
			t.Errorf("a lock out of %+v", bad)
		}
	}
	if _, err := Resume(make([]byte, 32), make([]byte, 10)); err == nil {
		t.Error("a plan out of a cut header")
	}
}
