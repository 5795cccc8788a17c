package keys

import (
	"bytes"
	"slices"

	"sealgate/internal/fault"
	"sealgate/internal/keys/own"
	"sealgate/internal/keys/wrapped"
)

// copyFile remembers where the last backup was written: see package spare. A
// restored store has none: the copy that it was made from may be that of a gateway
// which goes on.
const copyFile = "copy.json"

// CheckCopy says whether the last backup, at path, has all that the store has,
// and nothing that was removed, under the master key of today. Without a path
// and without an error none was ever made.
func (s *Store) CheckCopy() (path string, err error) {
	s.CatchUp()
	s.copying.Lock()
	defer s.copying.Unlock()
	return s.spare.Check(s.bundleMeanwhile)
}

// lockWithCopy locks the store for what changes it and the last backup.
func (s *Store) lockWithCopy() (unlock func()) {
	s.copying.Lock()
	s.mu.Lock()
	return func() {
		s.mu.Unlock()
		s.copying.Unlock()
	}
}

// putOff notes that the last backup is not up to date.
func (s *Store) putOff() {
	s.late.Store(true)
	select {
	case s.later <- struct{}{}:
	default:
	}
}

// Later has something when a secret has changed: CatchUp writes it to the last backup.
func (s *Store) Later() <-chan struct{} { return s.later }

// CatchUp writes to the last backup what secrets have put off; when it fails, CheckCopy
// tells.
func (s *Store) CatchUp() {
	if !s.late.Load() {
		return
	}
	s.copying.Lock()
	defer s.copying.Unlock()
	if s.late.Swap(false) {
		_ = s.spare.Rewrite(s.bundleMeanwhile, "")
	}
}

// UpdateCopy brings the last backup up to date when it is not: it was away when a
// key was made or destroyed, or the master key changed. It reports whether it
// wrote; a copy that is away, or that must not be written to, is no error, and
// CheckCopy tells.
func (s *Store) UpdateCopy() (path string, written bool) {
	if _, err := s.CheckCopy(); err == nil {
		return "", false
	}
	s.copying.Lock()
	defer s.copying.Unlock()
	c := s.spare.Rewrite(s.bundleMeanwhile, "")
	return c.Path, c.Rewritten
}

// updateCopy brings the last backup up to date after something was added. The
// act does not depend on it: CheckCopy finds out when it failed. renewed names
// a file that counts as the store has it, whatever the copy has in its place.
func (s *Store) updateCopy(renewed string) { _ = s.spare.Rewrite(s.bundle, renewed) }

// covers reports why ours, the store as it is, must not take the place of the
// copy at path: it is not a copy of this store, or it knows of more.
func covers(ours, theirs *wrapped.Bundle, path, renewed string) error {
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
		if d.Name == renewed || d.Name == own.TLSFile { // the gateway makes a TLS key itself, whenever it needs one
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
