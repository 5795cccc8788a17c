package keys

import (
	"context"
	"errors"
	"path/filepath"
	"slices"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys/own"
	"sealgate/internal/keys/spare"
	"sealgate/internal/keys/wrapped"
	"sealgate/internal/killpoint"
)

// A bundle is a whole store in one file, for backups, and for the two changes
// that touch every file at once: a new master key and a restore. Both write the
// bundle beside the store first and then put its parts in place, store.json
// before all others. So at every moment one file says which store counts:
//
//	store.json opens, the bundle is of a later generation   never taken up: removed
//	store.json is missing or does not open, the bundle does taken up now
//	store.json is the bundle's own                          was being taken up: finished
//
// Old and new master key both open the store until store.json is replaced; from
// then on the new one alone does, and it has everything it needs.
const (
	bundleFile = "next.bundle"
	maxBundle  = 1 << 30
)

func parseBundle(name string, data []byte) (*wrapped.Bundle, error) {
	return wrapped.ParseBundle(name, data, isKeyFile)
}

// verify opens every entry, which proves that the copy is whole and the ring's.
func verify(b *wrapped.Bundle, r *wrapped.Ring) error {
	if b.File(own.File) == nil {
		return wrapped.Damaged(own.File, errors.New("it is missing"))
	}
	return b.Verify(r)
}

// Backup writes all of the store but its ingest keys to file, in the place of
// an earlier copy, which is overwritten; a copy that knows of keys which this
// store does not have, or another gateway's, is refused: Exists. The copy holds
// no master key and opens only with the one the store has now. The store
// remembers where it lies, adds to it what is added later, and takes out of it
// what is destroyed; a copy made before at another place is beyond its reach
// from then on.
func (s *Store) Backup(file string) error {
	return fault.Wrap(fault.Internal, "keys: backup", s.spare.Make(file, s.bundleMeanwhile))
}

// bundle returns what a copy of the store holds, checked.
func (s *Store) bundle() (*wrapped.Bundle, error) {
	b, err := s.unchecked()
	if err != nil {
		return nil, err
	}
	return b, verify(b, s.ring)
}

// bundleMeanwhile is bundle for who does not hold mu: nobody waits while the keys are
// opened.
func (s *Store) bundleMeanwhile() (*wrapped.Bundle, error) {
	s.mu.RLock()
	b, err := s.unchecked()
	if err == nil {
		err = s.broken
	}
	ring := s.ring
	s.opening.RLock()
	s.mu.RUnlock()
	defer s.opening.RUnlock()
	if err != nil {
		return nil, err
	}
	return b, verify(b, ring)
}

func (s *Store) unchecked() (*wrapped.Bundle, error) {
	b := wrapped.NewBundle(s.ring.Header)
	docs, err := s.documents()
	if err != nil {
		return nil, err
	}
	for _, d := range docs {
		if _, _, ingest := parseIngestFile(d.Name); !ingest {
			b.Files = append(b.Files, d)
		}
	}
	return b, nil
}

// documents reads every key file of the store.
func (s *Store) documents() ([]*wrapped.Document, error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, err
	}
	slices.Sort(names) // so that two copies of the same keys are the same
	var docs []*wrapped.Document
	for _, name := range names {
		if !isKeyFile(name) {
			continue
		}
		d, err := s.read(name)
		if err != nil {
			return nil, err
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// Restore makes a new store in dir out of a backup, and opens it. Nothing is
// written before m has opened every key in the copy. There must be no store in
// dir; the master key may lie there already. Files that were being indexed
// have no ingest key in the restored store: theirs are gone for ever. The new
// store has no copy of its own until Backup makes one: the file may be the copy
// of a gateway that goes on.
func Restore(ctx context.Context, file, dir string, m Master, opt Options) (*Store, error) {
	const op = "keys: restore"
	s := newStore(opt.fs(), dir)
	data, err := durable.ReadFile(s.fs, file, maxBundle)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	b, err := parseBundle(filepath.Base(file), data)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	r, err := openRing(ctx, m, b.Store)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	defer r.Wipe()
	if err := verify(b, r); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := s.place(b, file); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return Open(ctx, dir, m, opt)
}

// place lays a bundle, read from a file, in a directory that holds no store.
func (s *Store) place(b *wrapped.Bundle, from string) error {
	if err := s.fs.Mkdir(s.dir); err != nil {
		return err
	}
	if err := s.fs.SyncDir(filepath.Dir(s.dir)); err != nil {
		return err
	}
	if err := s.checkDir(); err != nil {
		return err
	}
	if err := s.refuseTaken(); err != nil {
		return err
	}
	if err := s.spare.MadeFrom(from); err != nil {
		return err
	}
	return s.write(bundleFile, b.Marshal())
}

// refuseTaken refuses a directory that holds a store, or one to be.
func (s *Store) refuseTaken() error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == storeFile || name == bundleFile {
			return fault.New(fault.Exists, "keys: directory", "there is a key store in %s already", s.dir)
		}
	}
	return nil
}

// settle finds out which generation counts, finishes what was begun, and opens
// the ring.
func (s *Store) settle(ctx context.Context, m Master) error {
	h, haveStore, err := s.readHeader()
	if err != nil {
		return err
	}
	b, err := s.readBundle()
	if err != nil {
		return err
	}
	if b != nil && (!haveStore || h.SameAs(b.Store)) {
		return s.finish(ctx, m, b)
	}
	if !haveStore {
		return fault.New(fault.Locked, "keys: open", "there is no key store at %s", s.dir)
	}
	r, err := openRing(ctx, m, h)
	switch {
	case b != nil && err == nil:
		if err := s.destroy(bundleFile); err != nil {
			return err
		}
	case b != nil && fault.Is(err, fault.Locked):
		return s.finish(ctx, m, b)
	case err != nil:
		return err
	}
	s.ring, s.master = r, m.String()
	return nil
}

// finish takes up a bundle that m opens.
func (s *Store) finish(ctx context.Context, m Master, b *wrapped.Bundle) error {
	r, err := openRing(ctx, m, b.Store)
	if err != nil {
		return err
	}
	if err := verify(b, r); err != nil {
		return err
	}
	s.ring, s.master = r, m.String()
	turn := s.spare.Take()
	defer turn.Give()
	return s.takeUp(b, turn)
}

// takeUp puts the parts of the bundle in place. The order is the promise: see
// the table above. mu is held until the bundle is gone, or a crash would undo what
// changed since; so the copy is written with mu held, this once.
func (s *Store) takeUp(b *wrapped.Bundle, turn *spare.Turn) error {
	if err := s.write(storeFile, b.Store.Marshal()); err != nil {
		return err
	}
	killpoint.At("rotate.store-taken-up")
	for _, d := range b.Files {
		if err := s.write(d.Name, d.Marshal()); err != nil {
			return err
		}
	}
	killpoint.At("rotate.files-taken-up")
	own, err := s.bundle()
	// Before the bundle is gone, so that a crash makes the next Open do it.
	s.renewBy(turn, func() (*wrapped.Bundle, error) { return own, err })
	return s.destroy(bundleFile)
}

func (s *Store) readHeader() (h wrapped.Header, found bool, err error) {
	data, err := durable.ReadFile(s.fs, s.path(storeFile), maxFile)
	if fault.Is(err, fault.NotFound) {
		return wrapped.Header{}, false, nil
	}
	if err != nil {
		return wrapped.Header{}, false, err
	}
	h, err = wrapped.ParseHeader(storeFile, data)
	return h, err == nil, err
}

func (s *Store) readBundle() (*wrapped.Bundle, error) {
	data, err := durable.ReadFile(s.fs, s.path(bundleFile), maxBundle)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseBundle(bundleFile, data)
}
