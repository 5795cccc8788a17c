package keys

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys/shred"
	"sealgate/internal/keys/wrapped"
)

// copyFile remembers where the last backup was written.
const copyFile = "copy.json"

// A copyRecord names the copy that is this store's own. A restored store has
// none: the copy that it was made from may be that of a gateway which goes on.
type copyRecord struct {
	Sealgate string `json:"sealgate"` // "key store copy"
	Version  int    `json:"version"`
	Path     string `json:"path,omitempty"`          // absolute
	From     string `json:"restored_from,omitempty"` // absolute; only while there is no Path
}

// Copy tells what became of the last backup of the store when a key was taken
// out of it. Copies made by other means are beyond the gateway's reach.
type Copy struct {
	Path      string // empty: no backup is known
	Rewritten bool   // it lies there as it should, without the key
	Err       error  // why not
}

// remember makes file the copy that later changes reach.
func (s *Store) remember(file string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	was, err := s.copyRecord()
	if err == nil && was.Path == path {
		return nil
	}
	return s.writeRecord(copyRecord{Path: path})
}

// rememberOrigin notes which copy the store is made from, to name it, and never
// to write to it.
func (s *Store) rememberOrigin(file string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	return s.writeRecord(copyRecord{From: path})
}

func (s *Store) writeRecord(r copyRecord) error {
	r.Sealgate, r.Version = "key store copy", wrapped.Version
	return s.write(copyFile, wrapped.Marshal(r))
}

// copyRecord returns which copy is known; a zero record when none is.
func (s *Store) copyRecord() (copyRecord, error) {
	data, err := durable.ReadFile(s.fs, s.path(copyFile), maxFile)
	if fault.Is(err, fault.NotFound) {
		return copyRecord{}, nil
	}
	if err != nil {
		return copyRecord{}, err
	}
	var r copyRecord
	if err := wrapped.Strict(data, &r); err != nil {
		return copyRecord{}, wrapped.Damaged(copyFile, err)
	}
	if r.Sealgate != "key store copy" || r.Version != wrapped.Version || (r.Path == "") == (r.From == "") || !filepath.IsAbs(r.Path+r.From) {
		return copyRecord{}, wrapped.Damaged(copyFile, errors.New("not what it should be"))
	}
	return r, nil
}

// CheckCopy says whether the last backup, at path, has all that the store has,
// and nothing that was removed, under the master key of today. Without a path
// and without an error none was ever made.
func (s *Store) CheckCopy() (path string, err error) {
	const op = "keys: check copy"
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, err := s.copyRecord()
	switch {
	case err != nil:
		return "", fault.Wrap(fault.Internal, op, err)
	case r.Path == "" && r.From != "":
		return "", errRestored(r)
	case r.Path == "":
		return "", nil
	}
	own, err := s.bundle()
	if err != nil {
		return r.Path, fault.Wrap(fault.Internal, op, err)
	}
	theirs, err := s.readCopy(r.Path)
	if err == nil {
		err = covers(own, theirs, r.Path, "")
	}
	switch {
	case err != nil:
	case !theirs.Store.SameAs(own.Store):
		err = fault.New(fault.Locked, op, "the copy of the key store at %s opens with an older master key only", r.Path)
	case !bytes.Equal(theirs.Marshal(), own.Marshal()):
		err = fault.New(fault.Invalid, op, "the copy of the key store at %s is older than the store: a key is not in it, or one that was removed still is", r.Path)
	}
	return r.Path, err
}

// UpdateCopy brings the last backup up to date when it is not: it was away when a
// key was made or destroyed, or the master key changed. It reports whether it
// wrote; a copy that is away, or that must not be written to, is no error, and
// CheckCopy tells.
func (s *Store) UpdateCopy() (path string, written bool) {
	if _, err := s.CheckCopy(); err == nil {
		return "", false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.rewriteCopy("")
	return c.Path, c.Rewritten
}

// updateCopy brings the last backup up to date after something was added. The
// act does not depend on it: CheckCopy finds out when it failed. renewed names
// a file that counts as the store has it, whatever the copy has in its place.
func (s *Store) updateCopy(renewed string) { _ = s.rewriteCopy(renewed) }

// rewriteCopy makes the last backup anew where it lies. Nothing is written to a
// place that does not hold one: the disk it lies on may not be there today, and
// another file may stand in its place. And no key is thrown away that the copy
// alone has: two stores of one gateway (a restored one, beside the one it was
// made from) may both know the place.
func (s *Store) rewriteCopy(renewed string) Copy {
	const op = "keys: rewrite copy"
	r, err := s.copyRecord()
	switch {
	case err != nil:
		return Copy{Err: err}
	case r.Path == "" && r.From != "":
		return Copy{Path: r.From, Err: errRestored(r)}
	case r.Path == "":
		return Copy{}
	}
	c := Copy{Path: r.Path}
	own, err := s.bundle()
	if err != nil {
		c.Err = fault.Wrap(fault.Internal, op, err)
		return c
	}
	theirs, err := s.readCopy(r.Path)
	if err == nil {
		err = covers(own, theirs, r.Path, renewed)
	}
	if err != nil {
		c.Err = err
		return c
	}
	if err := shred.Replace(s.fs, r.Path, own.Marshal()); err != nil {
		c.Err = &fault.Error{Kind: fault.KindOf(err), Op: op, Message: "the copy of the key store at " + r.Path + " could not be written anew", Err: err}
		return c
	}
	c.Rewritten = true
	return c
}

func errRestored(r copyRecord) error {
	return fault.New(fault.NotFound, "keys: copy", "this key store was restored from the copy at %s, which may be that of another gateway "+
		"and is never written to; it has no copy of its own", r.From)
}

// readCopy reads what lies at path, which should be a copy of a key store.
func (s *Store) readCopy(path string) (*wrapped.Bundle, error) {
	const op = "keys: read copy"
	data, err := durable.ReadFile(s.fs, path, maxBundle)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, op, "there is no copy of the key store at %s any more", path)
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.KindOf(err), Op: op, Message: "the copy of the key store at " + path + " could not be read", Err: err}
	}
	b, err := parseBundle(filepath.Base(path), data)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Damaged, Op: op, Message: "the file at " + path + " is not a whole copy of a key store", Err: err}
	}
	return b, nil
}

// covers reports why own, the store as it is, must not take the place of the
// copy at path: it is not a copy of this store, or it knows of more.
func covers(own, theirs *wrapped.Bundle, path, renewed string) error {
	const op = "keys: compare copy"
	if gateway := theirs.File(gatewayFile); gateway == nil || !bytes.Equal(identity(gateway), identity(own.File(gatewayFile))) {
		return fault.New(fault.Exists, op, "the file at %s is the copy of another gateway's key store; it is left as it is", path)
	}
	same := theirs.Store.SameAs(own.Store)
	if !same && theirs.Store.Generation >= own.Store.Generation {
		return fault.New(fault.Exists, op, "the copy at %s is under a later master key than this key store, or under another one: "+
			"another key store of this gateway wrote it; it is left as it is", path)
	}
	for _, d := range theirs.Files {
		if d.Name == renewed || d.Name == tlsFile { // the gateway makes a TLS key itself, whenever it needs one
			continue
		}
		ours := own.File(d.Name)
		for _, e := range d.Entries {
			if !isAccountSecret(e) && (ours == nil || !knows(ours, e)) {
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

// identity returns the gateway's public identity key in gateway.key.
func identity(d *wrapped.Document) []byte {
	if i := find(d, kindIdentity, ""); i >= 0 {
		return d.Entries[i].Public
	}
	return nil
}
