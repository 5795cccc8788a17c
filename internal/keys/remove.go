package keys

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys/spare"
	"sealgate/internal/keys/wrapped"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
)

// Destroyed is what is left of a key that was removed: that it was.
type Destroyed struct {
	Kind        string // KindCertificate or KindAccessKey
	Fingerprint seal.Fingerprint
	ID          uuid.UUID // of an access key
	At          time.Time
}

// Destroyed returns the keys that were removed, the oldest first. It matters
// beside a catalog restored from before: there they still count as living.
func (a *Account) Destroyed() []Destroyed { return slices.Clone(a.destroyed) }

// RemoveCertificate destroys a certificate's key: what was sealed under it
// alone can never be read again. The key is gone from the store when the error
// is nil; Copy tells what became of it in the last backup. A key that was
// destroyed before stays so, and the backup is written again: whoever does not
// know how far an earlier call came calls again. NotFound: it never was here.
func (s *Store) RemoveCertificate(id uuid.UUID, fp seal.Fingerprint, at time.Time) (spare.Copy, error) {
	return s.remove("keys: remove certificate", id, KindCertificate, fp.String(), at)
}

// RemoveAccessKey destroys an access key, as RemoveCertificate does.
func (s *Store) RemoveAccessKey(id, accessKey uuid.UUID, at time.Time) (spare.Copy, error) {
	return s.remove("keys: remove access key", id, KindAccessKey, accessKey.String(), at)
}

func (s *Store) remove(op string, id uuid.UUID, kind, name string, at time.Time) (spare.Copy, error) {
	if err := s.changeHere(func() error { return s.bury(id, kind, name, at) }); err != nil {
		return spare.Copy{}, fault.Wrap(fault.Internal, op, err)
	}
	killpoint.At("remove.key-destroyed")
	c := s.renewCopy()
	killpoint.At("remove.copy-rewritten")
	return c, nil
}

// bury puts a tombstone in the place of a key.
func (s *Store) bury(id uuid.UUID, kind, name string, at time.Time) error {
	doc, err := s.readAccount(id)
	if err != nil {
		return err
	}
	i := find(doc, kind, name)
	if i < 0 {
		if slices.ContainsFunc(doc.Entries, func(e wrapped.Entry) bool { return e.Destroyed != "" && e.Kind == kind && e.ID == name }) {
			return nil
		}
		return fault.New(fault.NotFound, "keys: remove", "no such key: %s", name)
	}
	fp, err := fingerprint(doc.Entries[i])
	if err != nil {
		return wrapped.Damaged(doc.Name, err)
	}
	tomb := wrapped.Entry{Kind: kind, ID: name, Public: fp[:], Destroyed: at.UTC().Format(time.RFC3339)}
	s.ring.Seal(doc.Name, &tomb, nil)
	doc.Entries[i] = tomb
	return s.writeAccount(id, doc)
}

// fingerprint returns that of an entry's key.
func fingerprint(e wrapped.Entry) (seal.Fingerprint, error) {
	if base(e) == KindAccessKey {
		k, err := openAccessKey(wrapped.Entry{Kind: KindAccessKey, ID: e.ID, Public: e.Public}, nil)
		if err != nil {
			return seal.Fingerprint{}, err
		}
		return k.Fingerprint, nil
	}
	return parseFingerprint(e.ID)
}

func openDestroyed(e wrapped.Entry) (Destroyed, error) {
	at, err := time.Parse(time.RFC3339, e.Destroyed)
	if err != nil {
		return Destroyed{}, err
	}
	if len(e.Public) != len(seal.Fingerprint{}) {
		return Destroyed{}, errors.New("a destroyed key without a fingerprint")
	}
	d := Destroyed{Kind: e.Kind, Fingerprint: seal.Fingerprint(e.Public), At: at}
	switch e.Kind {
	case KindCertificate:
	case KindAccessKey:
		d.ID, err = uuid.Parse(e.ID)
	default:
		err = errors.New("a destroyed entry of unknown kind " + e.Kind)
	}
	return d, err
}

// findDestroyed returns the place of the tombstone of a key, or -1.
func findDestroyed(d *wrapped.Document, fp seal.Fingerprint) int {
	return slices.IndexFunc(d.Entries, func(e wrapped.Entry) bool { return e.Destroyed != "" && bytes.Equal(e.Public, fp[:]) })
}

// errDestroyed answers who brings a key back: it was said of the files under it
// that nobody can read them.
func errDestroyed(e wrapped.Entry) error {
	return fault.New(fault.Exists, "keys: add", "this key was removed at %s and declared destroyed; it cannot come back: bring another one", e.Destroyed)
}

func parseFingerprint(text string) (seal.Fingerprint, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(seal.Fingerprint{}) {
		return seal.Fingerprint{}, errors.New("not a fingerprint: " + text)
	}
	return seal.Fingerprint(b), nil
}
