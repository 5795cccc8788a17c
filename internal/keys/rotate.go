package keys

import (
	"context"

	"sealgate/internal/fault"
	"sealgate/internal/keys/wrapped"
	"sealgate/internal/killpoint"
)

// RotateMaster wraps everything anew for another master key, under a new salt:
// nothing that the old key opens is of use any more, remnants on the medium and
// older backups included, once the old key is gone. The ingest keys go along, and
// the last backup is written anew when it can be reached (CheckCopy tells).
//
// install puts the new key where Open will find it, and returns when it is
// durable there; nil when it is there already. Until install has returned the
// old key opens the store, after that the new one; at a crash between the two
// whichever is found does.
func (s *Store) RotateMaster(ctx context.Context, to Master, install func() error) error {
	const op = "keys: rotate master key"
	turn := s.spare.Take()
	defer turn.Give()
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := newRing(ctx, to, s.ring.Header.Generation+1)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	b, err := s.rewrap(r)
	if err == nil {
		err = s.write(bundleFile, b.Marshal())
	}
	if err != nil {
		r.Wipe()
		return fault.Wrap(fault.Internal, op, err)
	}
	killpoint.At("rotate.bundle-written")
	if install != nil {
		if err := install(); err != nil {
			// It may have been installed nevertheless: the next Open decides.
			return fault.Wrap(fault.Internal, op, s.fail(err))
		}
	}
	killpoint.At("rotate.master-installed")
	old := s.ring
	s.ring, s.master = r, to.String()
	if err := s.takeUp(b, turn); err != nil {
		return fault.Wrap(fault.Internal, op, s.fail(err))
	}
	s.wipe(old)
	return nil
}

// rewrap returns the store as it is, wrapped by another ring.
func (s *Store) rewrap(to *wrapped.Ring) (*wrapped.Bundle, error) {
	docs, err := s.documents()
	if err != nil {
		return nil, err
	}
	b := wrapped.NewBundle(to.Header)
	for _, old := range docs {
		d := wrapped.New(old.Name)
		for _, e := range old.Entries {
			secret, err := s.ring.Open(old.Name, e)
			if err != nil {
				return nil, err
			}
			to.Seal(d.Name, &e, secret)
			clear(secret)
			d.Entries = append(d.Entries, e)
		}
		b.Files = append(b.Files, d)
	}
	return b, nil
}

// fail stops all writing: only another Open can tell which generation counts.
func (s *Store) fail(err error) error {
	s.broken = &fault.Error{
		Kind: fault.Internal, Op: "keys: rotate master key",
		Message: "the change of the master key was cut short; it is finished at the next start", Err: err,
	}
	return s.broken
}
