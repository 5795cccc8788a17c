package send

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"

	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/sealing"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// errAgain: the gateway has another idea of how far it is; asking it tells.
var errAgain = errors.New("the parts are to be begun again")

// large sends a file in parts, going on where an earlier try or run has stopped. plan
// is for when there is nothing to go on with.
func (s *Sender) large(ctx context.Context, plan *sealing.Plan, d *journal.Delivery, f *os.File) (*connect.Progress, error) {
	if err := s.readFirst(ctx, d, f); err != nil {
		return nil, err
	}
	fresh := true
	if d.State == journal.Sealed {
		if old, err := sealing.Resume(d.Key, d.Header); err == nil {
			plan.Wipe()
			plan, fresh = old, false
		}
	}
	defer func() { plan.Wipe() }()
	if fresh {
		if err := s.noteSealed(ctx, plan, d); err != nil {
			return nil, err
		}
	}
	var last error
	for range resumes {
		p := new(connect.Progress)
		err := s.Client.Call(ctx, connect.PathDeliveries, s.begin(plan, d), nil, p)
		if err != nil && reason(err) != connect.NotFound || p.State == connect.StateReceived {
			if d.Code == wire.CodeTimeout { // of its commit, which may be under way
				err = s.late(err)
			}
			return p, err
		}
		if err := s.cut("begun"); err != nil {
			return nil, err
		}
		from, ok := s.from(ctx, plan, d, p)
		if !ok || err != nil { // what is there cannot be continued with certainty: begin anew
			next, err := s.another(plan)
			if err != nil {
				return nil, err
			}
			plan.Wipe()
			plan = next
			if err := s.noteSealed(ctx, plan, d); err != nil {
				return nil, err
			}
			last = fault.New(fault.TryLater, "send: parts", "what the gateway has of the file cannot be continued")
			continue
		}
		p, err = s.parts(ctx, plan, d, f, from)
		if !errors.Is(err, errAgain) {
			return p, err
		}
		last = err
	}
	return nil, fault.New(fault.TryLater, "send: parts", "the gateway and this agent do not agree how far the file is: %v", last)
}

// another is a plan for the same lock under a new id.
func (s *Sender) another(*sealing.Plan) (*sealing.Plan, error) {
	s.mu.Lock()
	lock := s.lock
	s.mu.Unlock()
	if lock == nil {
		return nil, connect.Refuse(connect.KeysChanged, "")
	}
	return lock.New(newID())
}

func (s *Sender) noteSealed(ctx context.Context, plan *sealing.Plan, d *journal.Delivery) error {
	key := plan.Key()
	defer clear(key)
	if err := s.Journal.Seal(ctx, d.Seq, plan.File, key, plan.Header); err != nil {
		return err
	}
	d.State = journal.Sealed
	return s.cut("sealed")
}

// readFirst hashes the content before it is sent, when that is cheap or when the
// gateway may have the file: then its answer saves sending it.
func (s *Sender) readFirst(ctx context.Context, d *journal.Delivery, f *os.File) error {
	if d.Size > hashFirst && d.Tries == 0 && !d.Resent && d.State == journal.Found {
		knew, err := s.Journal.Knew(ctx, d.Source, d.Seq)
		if err != nil || !knew {
			return err
		}
	}
	h := sha256.New()
	if n, err := io.Copy(h, &reading{ctx, io.NewSectionReader(f, 0, d.Size+1)}); err != nil {
		return unreadable(err)
	} else if n != d.Size || !unchanged(d, f) {
		return errChanged
	}
	return s.hashed(d, [32]byte(h.Sum(nil)))
}

// from says where the stream goes on, by what the gateway has and what was noted of
// the content that went there.
func (s *Sender) from(ctx context.Context, plan *sealing.Plan, d *journal.Delivery, p *connect.Progress) (from sealing.From, ok bool) {
	header := int64(len(plan.Header)) // the gateway has it since the delivery was begun
	switch {
	case p.File != plan.File || p.Offset < header:
		return from, false
	case p.Offset == header:
		return from, true
	}
	switch end := plan.Size(d.Size) - seal.TrailerSize; {
	case p.Offset >= end:
		from.Slots = seal.Slots(d.Size)
	case (p.Offset-header)%seal.SealedSlot == 0:
		from.Slots = (p.Offset - header) / seal.SealedSlot
	default:
		return from, false
	}
	var err error
	from.Check, from.Sum, err = s.Journal.Marked(ctx, d.Seq, from.Slots)
	return from, err == nil
}

// parts streams the rest and commits.
func (s *Sender) parts(ctx context.Context, plan *sealing.Plan, d *journal.Delivery, f *os.File, from sealing.From) (*connect.Progress, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, unreadable(err)
	}
	stream := &sealing.Stream{
		Plan: plan, Content: &reading{ctx, f}, Size: d.Size, From: from, Trailer: s.trailer(d), Pool: s.Pool,
		Next: func(ctx context.Context, part sealing.Part) error { return s.mark(ctx, d, part) },
		Send: func(ctx context.Context, part sealing.Part) error {
			return s.Client.Put(ctx, connect.PathParts(plan.File), part.Offset, part.Bytes, new(connect.Progress))
		},
	}
	trailer, err := stream.Run(ctx)
	switch {
	case errors.Is(err, sealing.ErrChanged), err == nil && !unchanged(d, f):
		return nil, errChanged
	case lost(err):
		return nil, errAgain
	case err != nil:
		return nil, err
	}
	if d.ID != nil && [32]byte(d.SHA256) != trailer.SHA256 {
		return nil, errChanged
	}
	if err := s.hashed(d, trailer.SHA256); err != nil {
		return nil, err
	}
	if err := s.cut("sent"); err != nil {
		return nil, err
	}
	p := new(connect.Progress)
	err = s.Client.Call(ctx, connect.PathCommit(plan.File), wire.Say(connect.Commit{Delivery: d.ID, Size: d.Size, SHA256: d.SHA256}), nil, p)
	switch {
	case lost(err):
		return nil, errAgain
	case err != nil:
		err = s.late(err)
	case p.State != connect.StateReceived:
		err = fault.New(fault.Damaged, "send: commit", "the gateway's answer makes no sense: a committed file is %q", p.State)
	}
	return p, err
}

// late makes it the trouble of one file that the gateway does not answer in time, which
// may be at work with what is large.
func (s *Sender) late(err error) error {
	if s.Client.Explain(err).Code != wire.CodeTimeout {
		return err
	}
	return fault.New(fault.TryLater, "send: late", "the gateway did not answer in time when the whole of the file was there; it may be looking at it, and is asked again")
}

// mark notes what a part holds before it goes out.
func (s *Sender) mark(ctx context.Context, d *journal.Delivery, part sealing.Part) error {
	if part.Slots > 0 {
		if err := s.Journal.Mark(ctx, d.Seq, part.Slots, part.Sum); err != nil {
			return err
		}
	}
	return s.cut("part")
}

// lost reports whether the gateway has another idea of what is there: asking it tells.
func lost(err error) bool {
	r := reason(err)
	return r == connect.WrongOffset || r == connect.NotFound
}

// reading ends with its context.
type reading struct {
	ctx context.Context
	r   io.Reader
}

func (r *reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
