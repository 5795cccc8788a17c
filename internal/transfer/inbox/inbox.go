// Package inbox is the list of names that a login sees under /in: a small tree
// of folders and files kept in the catalog, every name sealed with the
// account's record key. It is no file system: an entry points to a file, and
// taking an entry away or putting another file under its name changes nothing
// about the file it pointed to (invariant R4).
//
// All work happens inside a transaction of the caller, so that a file and its
// name change together.
package inbox

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/vpath"
)

// Tree is one login's list within one transaction.
type Tree struct {
	tx    *catalog.Tx
	rec   *custody.Records
	login uuid.UUID
}

// In opens a login's list in tx. rec are the records of the login's account.
func In(tx *catalog.Tx, rec *custody.Records, login uuid.UUID) Tree {
	return Tree{tx, rec, login}
}

// MAC is the look-up value of a name, for entries and files alike.
func MAC(rec *custody.Records, name string) []byte {
	mac := rec.MAC("names", []byte(name))
	return mac[:]
}

// Find returns the entry at p; fault.NotFound when there is none. The root has
// no entry: callers treat it before they ask.
func (t Tree) Find(p vpath.Path) (*catalog.Entry, error) {
	var e *catalog.Entry
	parent := uuid.Nil
	for i, name := range p.Elements() {
		if i > 0 && !e.Dir {
			return nil, notFound()
		}
		var err error
		if e, err = t.tx.EntryByName(t.login, parent, MAC(t.rec, name)); err != nil {
			return nil, err
		}
		parent = e.ID
	}
	if e == nil {
		return nil, notFound()
	}
	return e, nil
}

// Look returns the entry at p, nil when there is none. The folder that it would
// be in must be there.
func (t Tree) Look(p vpath.Path) (*catalog.Entry, error) {
	parent, err := t.Folder(p.Dir())
	if err != nil {
		return nil, err
	}
	e, err := t.tx.EntryByName(t.login, parent, MAC(t.rec, p.Base()))
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return e, err
}

func notFound() error {
	return fault.New(fault.NotFound, "inbox: find", "no such file or folder")
}

// Folder returns the id that entries below the folder p name as their parent.
func (t Tree) Folder(p vpath.Path) (uuid.UUID, error) {
	if p.IsRoot() {
		return uuid.Nil, nil
	}
	e, err := t.Find(p)
	if err != nil {
		return uuid.Nil, err
	}
	if !e.Dir {
		return uuid.Nil, fault.New(fault.Invalid, "inbox: folder", "that is a file, not a folder")
	}
	return e.ID, nil
}

// Children returns the entries of the folder p, in no order.
func (t Tree) Children(p vpath.Path) ([]*catalog.Entry, error) {
	parent, err := t.Folder(p)
	if err != nil {
		return nil, err
	}
	return t.tx.Entries(t.login, parent)
}

// Name opens an entry's name.
func (t Tree) Name(e *catalog.Entry) (string, error) {
	name, err := t.rec.Open("entry", "name", e.ID, e.Name)
	return string(name), err
}

// Put makes p name the file, shown until the given time. Missing folders are
// made: a file that is durable must not fail for a folder removed meanwhile.
// A name that is there points to the new file from now on; Put returns the file
// that it pointed to, else uuid.Nil.
func (t Tree) Put(p vpath.Path, file uuid.UUID, mtime, now, until time.Time) (was uuid.UUID, err error) {
	parent, err := t.folders(p.Dir(), now)
	if err != nil {
		return uuid.Nil, err
	}
	old, err := t.tx.EntryByName(t.login, parent, MAC(t.rec, p.Base()))
	switch {
	case err == nil && old.Dir:
		return uuid.Nil, fault.New(fault.Invalid, "inbox: put", "a folder has that name")
	case err == nil:
		was = old.File
		old.File, old.MTime, old.CreatedAt, old.Until = file, mtime, now, until
		return was, t.tx.SaveEntry(old)
	case fault.Is(err, fault.NotFound):
		return uuid.Nil, t.insert(parent, p.Base(), func(e *catalog.Entry) {
			e.File, e.MTime, e.CreatedAt, e.Until = file, mtime, now, until
		})
	}
	return uuid.Nil, err
}

// folders returns the id of the folder p and makes what is missing of it.
func (t Tree) folders(p vpath.Path, now time.Time) (uuid.UUID, error) {
	if id, err := t.Folder(p); err == nil || !fault.Is(err, fault.NotFound) {
		return id, err
	}
	parent, err := t.folders(p.Dir(), now)
	if err != nil {
		return uuid.Nil, err
	}
	var id uuid.UUID
	err = t.insert(parent, p.Base(), func(e *catalog.Entry) {
		e.Dir, e.MTime, e.CreatedAt = true, now, now
		id = e.ID
	})
	return id, err
}

func (t Tree) insert(parent uuid.UUID, name string, fill func(*catalog.Entry)) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fault.Wrap(fault.Internal, "inbox: new id", err)
	}
	e := &catalog.Entry{ID: id, Login: t.login, Parent: parent, NameMAC: MAC(t.rec, name)}
	e.Name = t.rec.Seal("entry", "name", id, []byte(name))
	fill(e)
	return t.tx.InsertEntry(e)
}

// Mkdir makes the folder p; its parent must be there.
func (t Tree) Mkdir(p vpath.Path, now time.Time) error {
	if p.IsRoot() {
		return fault.New(fault.Exists, "inbox: mkdir", "the folder exists already")
	}
	parent, err := t.Folder(p.Dir())
	if err != nil {
		return err
	}
	err = t.insert(parent, p.Base(), func(e *catalog.Entry) { e.Dir, e.MTime, e.CreatedAt = true, now, now })
	if fault.Is(err, fault.Exists) {
		return fault.New(fault.Exists, "inbox: mkdir", "something has that name already")
	}
	return err
}

// Rmdir takes away the empty folder p.
func (t Tree) Rmdir(p vpath.Path) error {
	if p.IsRoot() {
		return fault.New(fault.Denied, "inbox: rmdir", "this folder cannot be removed")
	}
	e, err := t.Find(p)
	if err != nil {
		return err
	}
	if !e.Dir {
		return fault.New(fault.Invalid, "inbox: rmdir", "that is a file, not a folder")
	}
	children, err := t.tx.Entries(t.login, e.ID)
	if err != nil {
		return err
	}
	if len(children) > 0 {
		return fault.New(fault.Invalid, "inbox: rmdir", "the folder is not empty")
	}
	return t.tx.DeleteEntry(e.ID)
}

// Move gives the entry e the path to. With replace, a file of that name loses
// it; without, it is an error.
func (t Tree) Move(e *catalog.Entry, from, to vpath.Path, replace bool) error {
	const op = "inbox: rename"
	if to.IsRoot() || e.Dir && to.Inside(from) {
		return fault.New(fault.Invalid, op, "a folder cannot be moved into itself")
	}
	parent, err := t.Folder(to.Dir())
	if err != nil {
		return err
	}
	old, err := t.tx.EntryByName(t.login, parent, MAC(t.rec, to.Base()))
	switch {
	case err == nil && old.ID == e.ID:
		return nil
	case err == nil && (!replace || old.Dir || e.Dir):
		return fault.New(fault.Exists, op, "something has that name already")
	case err == nil:
		if err := t.tx.DeleteEntry(old.ID); err != nil {
			return err
		}
	case !fault.Is(err, fault.NotFound):
		return err
	}
	e.Parent, e.NameMAC = parent, MAC(t.rec, to.Base())
	e.Name = t.rec.Seal("entry", "name", e.ID, []byte(to.Base()))
	return t.tx.SaveEntry(e)
}
