package keys

import (
	"bytes"
	"slices"

	"sealgate/internal/fault"
	"sealgate/internal/keys/own"
	"sealgate/internal/keys/spare"
	"sealgate/internal/keys/wrapped"
)

// copyFile remembers where the last backup was written: see package spare. A
// restored store has none: the copy that it was made from may be that of a gateway
// which goes on.
const copyFile = "copy.json"

// CheckCopy says whether the last backup, at path, has all that the store has,
// and nothing that was removed, under the master key of today. Without a path
// and without an error none was ever made. TryLater: its medium hangs.
func (s *Store) CheckCopy() (path string, err error) {
	for range 3 { // what changes while it is compared is no fault of the copy
		s.CatchUp()
		path, err = s.spare.Check(s.bundleMeanwhile)
		if err == nil || !s.late.Load() {
			break
		}
	}
	return path, err
}

// putOff notes that the last backup is not up to date.
func (s *Store) putOff() {
	s.late.Store(true)
	select {
	case s.later <- struct{}{}:
	default:
	}
}

// Later has something when a change is not in the last backup yet: CatchUp writes it there.
func (s *Store) Later() <-chan struct{} { return s.later }

// CatchUp writes to the last backup what was put off; when it fails, CheckCopy tells.
func (s *Store) CatchUp() {
	if s.late.Load() {
		s.renewCopy()
	}
}

// renewCopy writes the last backup anew after a change. The act does not depend on it:
// what a medium that hangs does not take now is put off.
func (s *Store) renewCopy() spare.Copy { return s.renewBy(s.spare.Take(), s.bundleMeanwhile) }

func (s *Store) renewBy(turn *spare.Turn, own func() (*wrapped.Bundle, error)) spare.Copy {
	s.late.Store(false) // before the store is read
	c, done := s.spare.Rewrite(turn, own)
	if !done {
		s.putOff()
	}
	return c
}

// UpdateCopy brings the last backup up to date when it is not: it was away when a
// key was made or destroyed, or the master key changed. It reports whether it
// wrote; a copy that is away, or that must not be written to, is no error, and
// CheckCopy tells.
func (s *Store) UpdateCopy() (path string, written bool) {
	if _, err := s.CheckCopy(); err == nil {
		return "", false
	}
	c := s.renewCopy()
	return c.Path, c.Rewritten
}

// covers reports why ours, the store as it is, must not take the place of the
// copy at path: it is not a copy of this store, or it knows of more.
func covers(ours, theirs *wrapped.Bundle, path string, renewed []string) error {
	const op = "keys: compare copy"
	if g := theirs.File(own.File); g == nil || !bytes.Equal(own.IdentityIn(g), own.IdentityIn(ours.File(own.File))) {
		return fault.New(fault.Exists, op, "the file at %s is the copy of another gateway's key store; it is left as it is", path)
	}
	same := theirs.Store.SameAs(ours.Store)
	if !same && theirs.Store.Generation >= ours.Store.Generation {
		return fault.New(fault.Exists, op, "the copy at %s is under a later master key than this key store, or under another one: "+
			"another key store of this gateway wrote it; it is left as it is", path)
	}
	for _, d := range theirs.Files {
		if slices.Contains(renewed, d.Name) || d.Name == own.TLSFile { // the gateway makes a TLS key itself, whenever it needs one
			continue
		}
		mine := ours.File(d.Name)
		for _, e := range d.Entries {
			if !isAccountSecret(e) && (mine == nil || !knows(mine, e)) {
				return fault.New(fault.Exists, op, "the copy at %s holds what this key store does not know of (%s, %s %s): "+
					"another or a newer key store of this gateway wrote it; it is left as it is", path, d.Name, e.Kind, e.ID)
			}
		}
	}
	return nil
}

// knows reports whether a document has the key of an entry, or its tombstone;
// of a tombstone, whether it has that.
func knows(d *wrapped.Document, e wrapped.Entry) bool {
	return slices.ContainsFunc(d.Entries, func(o wrapped.Entry) bool {
		return base(o) == base(e) && o.ID == e.ID && (o.Destroyed != "" || e.Destroyed == "" && bytes.Equal(o.Public, e.Public))
	})
}
