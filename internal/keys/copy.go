package keys

import (
	"bytes"
	"errors"
	"path/filepath"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys/shred"
	"sealgate/internal/keys/wrapped"
)

// copyFile remembers where the last backup was written.
const copyFile = "copy.json"

type copyRecord struct {
	Sealgate string `json:"sealgate"` // "key store copy"
	Version  int    `json:"version"`
	Path     string `json:"path"` // absolute
}

// Copy tells what became of the last backup of the store when a key was taken
// out of it. Copies made by other means are beyond the gateway's reach.
type Copy struct {
	Path      string // empty: no backup was ever made
	Rewritten bool   // it lies there as it should, without the key
	Err       error  // why not
}

// remember makes file the copy that later removals reach.
func (s *Store) remember(file string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	was, err := s.copyPath()
	if err == nil && was == path {
		return nil
	}
	return s.write(copyFile, wrapped.Marshal(copyRecord{Sealgate: "key store copy", Version: wrapped.Version, Path: path}))
}

// copyPath returns where the last backup was written, or nothing.
func (s *Store) copyPath() (string, error) {
	data, err := durable.ReadFile(s.fs, s.path(copyFile), maxFile)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var r copyRecord
	if err := wrapped.Strict(data, &r); err != nil {
		return "", wrapped.Damaged(copyFile, err)
	}
	if r.Sealgate != "key store copy" || r.Version != wrapped.Version || !filepath.IsAbs(r.Path) {
		return "", wrapped.Damaged(copyFile, errors.New("not what it should be"))
	}
	return r.Path, nil
}

// rewriteCopy makes the last backup anew where it lies. Nothing is written to a
// place that does not hold one: the disk it lies on may not be there today, and
// another file may stand in its place.
func (s *Store) rewriteCopy() Copy {
	const op = "keys: rewrite copy"
	path, err := s.copyPath()
	if err != nil || path == "" {
		return Copy{Err: err}
	}
	c := Copy{Path: path}
	if c.Err = s.ownCopy(path); c.Err != nil {
		return c
	}
	text, err := s.backup()
	if err == nil {
		err = shred.Replace(s.fs, path, text)
	}
	if err != nil {
		c.Err = &fault.Error{Kind: fault.KindOf(err), Op: op, Message: "the copy of the key store at " + path + " could not be written anew", Err: err}
		return c
	}
	c.Rewritten = true
	return c
}

// ownCopy reports why the file at path is not a copy of this store, of whatever
// generation.
func (s *Store) ownCopy(path string) error {
	const op = "keys: rewrite copy"
	data, err := durable.ReadFile(s.fs, path, maxBundle)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, op, "there is no copy of the key store at %s any more", path)
	}
	if err != nil {
		return &fault.Error{Kind: fault.KindOf(err), Op: op, Message: "the copy of the key store at " + path + " could not be read", Err: err}
	}
	b, err := parseBundle(filepath.Base(path), data)
	if err != nil {
		return &fault.Error{Kind: fault.Damaged, Op: op, Message: "the file at " + path + " is not a whole copy of a key store", Err: err}
	}
	ours, err := s.read(gatewayFile)
	if err != nil {
		return err
	}
	if theirs := b.File(gatewayFile); theirs == nil || !bytes.Equal(identity(theirs), identity(ours)) {
		return fault.New(fault.Invalid, op, "the file at %s is the copy of another gateway's key store", path)
	}
	return nil
}

// identity returns the gateway's public identity key in gateway.key.
func identity(d *wrapped.Document) []byte {
	if i := find(d, kindIdentity, ""); i >= 0 {
		return d.Entries[i].Public
	}
	return nil
}
