// Package spare keeps the spare copy of the key store, its last backup, in step
// with the store.
//
// A Keeper remembers where the copy lies, in a file beside the store, and makes it
// anew there after every change. Nothing is written to a place that does not hold
// a copy: the disk it lies on may not be there today, and another file may stand in
// its place. And no key is thrown away that the copy alone has: two stores of one
// gateway (a restored one, beside the one it was made from) may both know the
// place.
//
// Not here: what a store consists of, and when one copy covers another (keys).
package spare

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys/shred"
	"sealgate/internal/keys/wrapped"
)

// The sizes of what is read.
const (
	maxRecord = 1 << 20
	maxCopy   = 1 << 30
)

// Keeper looks after the copy of one store, which its caller hands in as it is: own.
// One act happens at a time; it takes its turn, or is handed one.
type Keeper struct {
	*Turns
	FS     durable.FS
	Record string // the file that remembers where the copy lies; on the disk of the store

	mu      sync.Mutex // held by who reads or writes Record, whose old content is overwritten; guards renewed
	renewed []string   // files that were made anew or destroyed whole since the copy was written

	// Parse reads a copy, and opens nothing in it.
	Parse func(name string, data []byte) (*wrapped.Bundle, error)

	// Covers reports why own must not take the place of the copy at path: it is
	// not a copy of this store, or it knows of more. renewed names the files that
	// count as the store has them, whatever the copy has in their place.
	Covers func(own, theirs *wrapped.Bundle, path string, renewed []string) error
}

// record names the copy that is this store's own. A restored store has
// none: the copy that it was made from may be that of a gateway which goes on.
type record struct {
	Sealgate string `json:"sealgate"` // "key store copy"
	Version  int    `json:"version"`
	Path     string `json:"path,omitempty"`          // absolute
	From     string `json:"restored_from,omitempty"` // absolute; only while there is no Path
}

// Copy tells what became of the copy when a key was taken out of the store. Copies
// made by other means are beyond the gateway's reach.
type Copy struct {
	Path      string // empty: none is known
	Rewritten bool   // it lies there as it should, without the key
	Err       error  // why not
}

// Make writes own to file, in the place of an earlier copy, which is overwritten,
// and remembers it: later changes reach this copy and no other. One that holds
// more than own, or another gateway's, is refused: Exists. Make waits for its medium
// as long as that takes.
func (k *Keeper) Make(file string, own func() (*wrapped.Bundle, error)) error {
	if inside(filepath.Dir(k.Record), file) {
		return fault.New(fault.Invalid, "keys: backup", "a backup of the key store has to lie outside of it: %s", file)
	}
	turn := k.Take()
	defer turn.Give()
	if turn == nil {
		return k.hangs().Err
	}
	ours, err := own()
	if err != nil {
		return err
	}
	return k.make(file, ours)
}

func (k *Keeper) make(file string, own *wrapped.Bundle) error {
	theirs, err := k.read(file)
	switch {
	case fault.Is(err, fault.NotFound) || fault.Is(err, fault.Damaged):
	case err != nil:
		return err
	default:
		if err := k.Covers(own, theirs, file, k.renewals()); err != nil {
			return err
		}
	}
	if err := shred.Replace(k.FS, file, own.Marshal()); err != nil {
		return err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	if was, err := k.known(); err == nil && was.Path == path {
		return nil
	}
	return k.remember(record{Path: path})
}

// MadeFrom notes which copy the store is made from, to name it, and never to
// write to it.
func (k *Keeper) MadeFrom(file string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	return k.remember(record{From: path})
}

// Path returns where the copy lies; empty when there is none.
func (k *Keeper) Path() (string, error) {
	r, err := k.known()
	return r.Path, err
}

func (k *Keeper) remember(r record) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	r.Sealgate, r.Version = "key store copy", wrapped.Version
	return shred.Replace(k.FS, k.Record, wrapped.Marshal(r))
}

// known returns which copy is known; a zero record when none is.
func (k *Keeper) known() (record, error) {
	name := filepath.Base(k.Record)
	k.mu.Lock()
	data, err := durable.ReadFile(k.FS, k.Record, maxRecord)
	k.mu.Unlock()
	if fault.Is(err, fault.NotFound) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	var r record
	if err := wrapped.Strict(data, &r); err != nil {
		return record{}, wrapped.Damaged(name, err)
	}
	if r.Sealgate != "key store copy" || r.Version != wrapped.Version || (r.Path == "") == (r.From == "") || !filepath.IsAbs(r.Path+r.From) {
		return record{}, wrapped.Damaged(name, errors.New("not what it should be"))
	}
	return r, nil
}

// Check says whether the copy, at path, has all that own has, and nothing that was
// removed, under the master key of today. Without a path and without an error
// none was ever made. TryLater: its medium hangs.
func (k *Keeper) Check(own func() (*wrapped.Bundle, error)) (path string, err error) {
	c, done := do(k.Take(), func() (c Copy) {
		c.Path, c.Err = k.check(own)
		return c
	})
	if !done {
		c = k.hangs()
	}
	return c.Path, c.Err
}

func (k *Keeper) check(own func() (*wrapped.Bundle, error)) (path string, err error) {
	const op = "keys: check copy"
	r, err := k.known()
	switch {
	case err != nil:
		return "", fault.Wrap(fault.Internal, op, err)
	case r.From != "":
		return "", errRestored(r)
	case r.Path == "":
		return "", nil
	}
	ours, err := own()
	if err != nil {
		return r.Path, fault.Wrap(fault.Internal, op, err)
	}
	theirs, err := k.read(r.Path)
	if err == nil {
		err = k.Covers(ours, theirs, r.Path, k.renewals())
	}
	switch {
	case err != nil:
	case !theirs.Store.SameAs(ours.Store):
		err = fault.New(fault.Locked, op, "the copy of the key store at %s opens with an older master key only", r.Path)
	case !bytes.Equal(theirs.Marshal(), ours.Marshal()):
		err = fault.New(fault.Invalid, op, "the copy of the key store at %s is older than the store: a key is not in it, or one that was removed still is", r.Path)
	}
	return r.Path, err
}

// Rewrite makes the copy anew where it lies, by who has the turn, which ends, or has
// waited for it in vain. False: its medium hangs, and the copy is as it was for now.
func (k *Keeper) Rewrite(turn *Turn, own func() (*wrapped.Bundle, error)) (c Copy, done bool) {
	if c, done = do(turn, func() Copy { return k.rewrite(own) }); !done {
		c = k.hangs()
	}
	return c, done
}

func (k *Keeper) rewrite(own func() (*wrapped.Bundle, error)) Copy {
	const op = "keys: rewrite copy"
	r, err := k.known()
	switch {
	case err != nil:
		return Copy{Err: err}
	case r.From != "":
		return Copy{Path: r.From, Err: errRestored(r)}
	case r.Path == "":
		k.written(k.renewals())
		return Copy{}
	}
	c := Copy{Path: r.Path}
	renewed := k.renewals() // before the store is read
	ours, err := own()
	if err != nil {
		c.Err = fault.Wrap(fault.Internal, op, err)
		return c
	}
	theirs, err := k.read(r.Path)
	if err == nil {
		err = k.Covers(ours, theirs, r.Path, renewed)
	}
	if err != nil {
		c.Err = err
		return c
	}
	if err := shred.Replace(k.FS, r.Path, ours.Marshal()); err != nil {
		c.Err = &fault.Error{Kind: fault.KindOf(err), Op: op, Message: "the copy of the key store at " + r.Path + " could not be written anew", Err: err}
		return c
	}
	c.Rewritten = true
	k.written(renewed)
	return c
}

// Renewed notes that a file of the store is about to be made anew, or destroyed whole:
// it counts as the store has it until the copy is written.
func (k *Keeper) Renewed(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.renewed = append(k.renewed, name)
}

func (k *Keeper) renewals() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.renewed)
}

// written forgets what the copy has as the store had it.
func (k *Keeper) written(renewed []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.renewed = k.renewed[len(renewed):]
}

// hangs is the answer to who has waited for the medium in vain.
func (k *Keeper) hangs() Copy {
	path, err := k.Path()
	if err == nil {
		err = fault.New(fault.TryLater, "keys: copy", "the disk or the server that holds the copy of the key store at %s does not answer", path)
	}
	return Copy{Path: path, Err: err}
}

func errRestored(r record) error {
	return fault.New(fault.NotFound, "keys: copy", "this key store was restored from the copy at %s, which may be that of another gateway "+
		"and is never written to; it has no copy of its own", r.From)
}

// read reads what lies at path, which should be a copy of a key store.
func (k *Keeper) read(path string) (*wrapped.Bundle, error) {
	const op = "keys: read copy"
	data, err := durable.ReadFile(k.FS, path, maxCopy)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, op, "there is no copy of the key store at %s any more", path)
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.KindOf(err), Op: op, Message: "the copy of the key store at " + path + " could not be read", Err: err}
	}
	b, err := k.Parse(filepath.Base(path), data)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Damaged, Op: op, Message: "the file at " + path + " is not a whole copy of a key store", Err: err}
	}
	return b, nil
}

// inside reports whether file would lie in dir, links followed.
func inside(dir, file string) bool {
	real := func(p string) string {
		if abs, err := filepath.Abs(p); err == nil {
			p = abs
		}
		if r, err := filepath.EvalSymlinks(p); err == nil {
			return r
		}
		return filepath.Clean(p)
	}
	rel, err := filepath.Rel(real(dir), real(filepath.Dir(file)))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
