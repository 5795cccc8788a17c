// Package sealing seals files at the customer's premises, in the format of package
// seal: small ones at once, large ones as a stream of parts.
//
// Nothing of the content is written to a disk. A part begins and ends where a slot
// does, so that a stream that broke is continued at any part: the slots before it
// are read and hashed again, and only when they are the same content as before is
// the rest sealed and sent.
package sealing

import (
	"context"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync"

	"github.com/google/uuid"

	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Lock is what files of one account are sealed for.
type Lock struct {
	account      uuid.UUID
	certificates []*x509.Certificate
	access       []hpke.PublicKey
}

// NewLock reads what the gateway tells of the account. What it names is no surprise
// that anybody else could make: the answer was signed by the pinned identity.
func NewLock(a *connect.Account) (*Lock, error) {
	const op = "sealing: lock"
	l := &Lock{account: a.ID}
	if a.Content == connect.ContentDelete {
		return l, nil // only the grant opens such a file
	}
	for _, der := range a.Certificates {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fault.New(fault.Damaged, op, "a certificate of the account cannot be read: %v", err)
		}
		if err := seal.CheckCertificate(c); err != nil {
			return nil, err
		}
		l.certificates = append(l.certificates, c)
	}
	for _, b := range a.AccessKeys {
		k, err := connect.ReceiveKey(b)
		if err != nil {
			return nil, err
		}
		l.access = append(l.access, k)
	}
	if len(l.certificates) == 0 || len(l.access) == 0 {
		return nil, fault.New(fault.Locked, op, "the account has no certificate or no access key that files could be sealed for")
	}
	return l, nil
}

// Plan is what one file is sealed with.
type Plan struct {
	seal.Binding
	Header []byte
	key    *seal.FileKey
}

// New draws the key of a new file and makes its header.
func (l *Lock) New(file uuid.UUID) (*Plan, error) {
	h := seal.Header{Binding: seal.Binding{File: file, Account: l.account}}
	a, b := seal.NewShares()
	defer a.Wipe()
	defer b.Wipe()
	for _, c := range l.certificates {
		w, err := seal.WrapForCertificate(a, c, h.Binding)
		if err != nil {
			return nil, err
		}
		h.Wraps = append(h.Wraps, w)
	}
	for _, k := range l.access {
		w, err := seal.WrapForAccessKey(b, k, h.Binding)
		if err != nil {
			return nil, err
		}
		h.Wraps = append(h.Wraps, w)
	}
	key := seal.DeriveFileKey(a, b, file)
	return &Plan{Binding: h.Binding, Header: h.Marshal(key), key: key}, nil
}

// Resume is the plan of a file that was begun: with the key and header of then.
func Resume(key, header []byte) (*Plan, error) {
	k, err := seal.FileKeyFromBytes(key)
	if err != nil {
		return nil, err
	}
	if len(header) < 80 {
		k.Wipe()
		return nil, fault.New(fault.Damaged, "sealing: resume", "the header is cut")
	}
	if err := seal.VerifyHeader(header, k); err != nil {
		k.Wipe()
		return nil, err
	}
	return &Plan{Binding: seal.Binding{File: [16]byte(header[16:32]), Account: [16]byte(header[32:48])}, Header: header, key: k}, nil
}

// Key returns the file key, for the journal. The caller clears it.
func (p *Plan) Key() []byte { return p.key.Bytes() }

// Wipe overwrites the file key.
func (p *Plan) Wipe() { p.key.Wipe() }

// Grant wraps the file key for the gateway's ingest key of the day.
func (p *Plan) Grant(ingest hpke.PublicKey) ([]byte, error) {
	return seal.WrapGrant(p.key, ingest, p.Binding)
}

// Size is the length of the sealed object of this much content.
func (p *Plan) Size(content int64) int64 { return seal.ObjectSize(len(p.Header), content) }

// Whole seals content that is in memory. Size and SHA256 of the trailer are filled.
func (p *Plan) Whole(content []byte, t seal.Trailer) ([]byte, error) {
	body, err := seal.NewBody(p.key, p.File)
	if err != nil {
		return nil, err
	}
	t.Size, t.SHA256 = int64(len(content)), sha256.Sum256(content)
	out := append(make([]byte, 0, p.Size(t.Size)), p.Header...)
	k := int64(0)
	for slot := range slices.Chunk(content, seal.SlotSize) {
		out = body.SealSlot(out, k, slot)
		k++
	}
	return body.SealTrailer(out, t), nil
}

// Part is some of a sealed object.
type Part struct {
	Offset int64 // in the object
	Bytes  []byte
	Slots  int64    // of the content that are sent once this part is
	Sum    [32]byte // SHA-256 of the content in them
	Last   bool     // with the trailer
}

// ErrChanged: the content is not the one that was begun with.
var ErrChanged = errors.New("the content was changed while it was sent")

// From says where a stream goes on: behind this many slots. That the content is the
// one that was begun with is compared behind Check slots, at least as many: only up to
// there it is known what was sent.
type From struct {
	Slots int64
	Check int64
	Sum   [32]byte
}

// Stream reads content of this size once, from its beginning, and hands the sealed
// parts behind its header to Send, each in memory of the pool until Send has returned. Next is called
// for each part in their order, before any Send of it; three may be sent at a time,
// while Next has a fourth, and a fifth is sealed. It ends with the trailer, whose Size
// and SHA256 it fills and returns.
type Stream struct {
	Plan    *Plan
	Content io.Reader
	Size    int64
	From    From // where to go on; the zero value = at the first slot
	Trailer seal.Trailer
	Pool    Pool
	Next    func(context.Context, Part) error
	Send    func(context.Context, Part) error
}

// atATime is how many parts of one stream are sent at a time.
const atATime = 3

// Pool lends the memory that parts are sealed into: who takes from it waits until
// there is some.
type Pool chan []byte

// NewPool makes a pool of this many parts.
func NewPool(parts int) Pool {
	p := make(Pool, parts)
	for range parts {
		p <- nil // made when it is used
	}
	return p
}

func (p Pool) take(ctx context.Context) ([]byte, error) {
	select {
	case b := <-p:
		if b == nil {
			b = make([]byte, 0, connect.PartSize)
		}
		return b[:0], nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Drop gives the memory that nobody uses now back to the collector.
func (p Pool) Drop() {
	for range cap(p) {
		select {
		case <-p:
			p <- nil
		default:
			return
		}
	}
}

// Run streams.
func (s *Stream) Run(ctx context.Context) (seal.Trailer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	parts := make(chan Part)
	go func() {
		defer close(parts)
		if err := s.seal(ctx, parts); err != nil {
			cancel(err)
		}
	}()
	var sending sync.WaitGroup
	places := make(chan struct{}, atATime)
	for part := range parts {
		err := ctx.Err()
		if err == nil && s.Next != nil {
			err = s.Next(ctx, part) // while those before it are sent
		}
		places <- struct{}{}
		sending.Go(func() {
			if err == nil {
				err = s.Send(ctx, part)
			}
			if err != nil {
				cancel(err) // the first cause stays
			}
			s.Pool <- part.Bytes
			<-places
		})
	}
	sending.Wait()
	return s.Trailer, context.Cause(ctx)
}

// seal makes the parts, in their order.
func (s *Stream) seal(ctx context.Context, parts chan<- Part) error {
	body, err := seal.NewBody(s.Plan.key, s.Plan.File)
	if err != nil {
		return err
	}
	r := &reader{src: s.Content, hash: sha256.New(), left: s.Size, check: s.From.Check, want: s.From.Sum}
	for range s.From.Slots {
		if _, err := r.slot(ctx); err != nil {
			return err
		}
	}
	total, k := seal.Slots(s.Size), s.From.Slots
	for done := false; !done; {
		buf, err := s.Pool.take(ctx)
		if err != nil {
			return err
		}
		part := Part{Offset: seal.SlotOffset(len(s.Plan.Header), k)}
		if k == total { // the last slot may be short
			part.Offset = s.Plan.Size(s.Size) - seal.TrailerSize
		}
		for k < total && len(buf)+seal.SealedSlot <= connect.PartSize {
			slot, err := r.slot(ctx)
			if err != nil {
				s.Pool <- buf
				return err
			}
			buf = body.SealSlot(buf, k, slot)
			k++
		}
		part.Slots, part.Sum = k, r.sum()
		if done = k == total && len(buf)+seal.TrailerSize <= connect.PartSize; done {
			if err := r.end(); err != nil {
				s.Pool <- buf
				return err
			}
			s.Trailer.Size, s.Trailer.SHA256 = s.Size, part.Sum
			buf, part.Last = body.SealTrailer(buf, s.Trailer), true
		}
		part.Bytes = buf
		select {
		case parts <- part:
		case <-ctx.Done():
			s.Pool <- buf
			return ctx.Err()
		}
	}
	return nil
}

// reader cuts content into slots and hashes it on the way.
type reader struct {
	src  io.Reader
	hash hash.Hash
	left int64
	read int64 // slots

	check int64 // behind this many slots the hash is compared; 0 = nowhere
	want  [32]byte
	buf   [seal.SlotSize]byte
}

func (r *reader) slot(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p := r.buf[:min(r.left, seal.SlotSize)]
	if _, err := io.ReadFull(r.src, p); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: it is shorter than it was", ErrChanged)
		}
		return nil, fault.New(fault.TryLater, "sealing: read", "the file cannot be read: %v", err)
	}
	r.left -= int64(len(p))
	r.hash.Write(p)
	if r.read++; r.read == r.check && r.sum() != r.want {
		return nil, ErrChanged
	}
	return p, nil
}

// end makes sure that there is nothing more.
func (r *reader) end() error {
	if n, _ := r.src.Read(r.buf[:1]); n > 0 {
		return fmt.Errorf("%w: it is longer than it was", ErrChanged)
	}
	return nil
}

func (r *reader) sum() (sum [32]byte) {
	r.hash.Sum(sum[:0])
	return sum
}
