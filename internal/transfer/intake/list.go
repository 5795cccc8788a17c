package intake

import (
	"context"
	"errors"
	"sort"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/vpath"
)

// Inbox is what one login sees and does under /in. Its paths are below /in.
type Inbox struct {
	in             *Intake
	account, login uuid.UUID
}

// Inbox returns the list of names of one login.
func (in *Intake) Inbox(account, login uuid.UUID) *Inbox {
	return &Inbox{in, account, login}
}

// Info describes one name under /in. The size of an unfinished arrival is its
// durable length.
type Info struct {
	Name    string
	Size    int64
	ModTime time.Time
	Dir     bool
	File    uuid.UUID
	State   catalog.State
}

func (b *Inbox) spec(p vpath.Path) Spec {
	return Spec{Account: b.account, Login: b.login, Path: p, Source: SourceSFTP}
}

// Stat describes the name p; fault.NotFound when there is none.
func (b *Inbox) Stat(ctx context.Context, p vpath.Path) (Info, error) {
	if p.IsRoot() {
		return Info{Name: "in", Dir: true, ModTime: b.in.now()}, nil
	}
	if a := b.in.live.Named(b.spec(p).name()); a != nil {
		return a.info(p.Base(), b.in.now()), nil
	}
	var info Info
	err := b.view(ctx, func(tx *catalog.Tx, rec *custody.Records) error {
		e, err := inbox.In(tx, rec, b.login).Find(p)
		if err != nil {
			return err
		}
		info, err = describeEntry(tx, e, p.Base())
		return err
	})
	if err != nil {
		return Info{}, err
	}
	return b.sized(ctx, info)
}

// info describes an arrival that is open now.
func (a *Arrival) info(name string, now time.Time) Info {
	mtime := a.clientTime()
	if mtime.IsZero() {
		mtime = now
	}
	return Info{Name: name, Size: a.Durable(), ModTime: mtime, File: a.file.ID, State: catalog.Arriving}
}

func describeEntry(tx *catalog.Tx, e *catalog.Entry, name string) (Info, error) {
	info := Info{Name: name, ModTime: e.MTime, Dir: e.Dir, File: e.File}
	if e.Dir {
		return info, nil
	}
	f, err := tx.File(e.File)
	if err != nil {
		return Info{}, err
	}
	info.Size, info.State = f.Content.Size, f.State
	return info, nil
}

// sized fills in the length of an unfinished arrival, outside the transaction:
// it may have to be read from the vault.
func (b *Inbox) sized(ctx context.Context, info Info) (Info, error) {
	if info.Dir || info.State != catalog.Arriving {
		return info, nil
	}
	var f *catalog.File
	err := b.in.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		f, err = tx.File(info.File)
		return err
	})
	if err != nil {
		return Info{}, err
	}
	info.Size = b.in.durableLength(ctx, f)
	return info, nil
}

// List describes the names in the folder p, sorted.
func (b *Inbox) List(ctx context.Context, p vpath.Path) ([]Info, error) {
	var list []Info
	err := b.view(ctx, func(tx *catalog.Tx, rec *custody.Records) error {
		tree := inbox.In(tx, rec, b.login)
		entries, err := tree.Children(p)
		if err != nil {
			return err
		}
		list = make([]Info, 0, len(entries))
		for _, e := range entries {
			name, err := tree.Name(e)
			if err != nil {
				return err
			}
			info, err := describeEntry(tx, e, name)
			if err != nil {
				return err
			}
			list = append(list, info)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i], err = b.sized(ctx, list[i]); err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list, nil
}

// Mkdir makes a folder.
func (b *Inbox) Mkdir(ctx context.Context, p vpath.Path) error {
	return b.update(ctx, func(tx *catalog.Tx, rec *custody.Records) error {
		return inbox.In(tx, rec, b.login).Mkdir(p, b.in.now())
	})
}

// Rmdir takes an empty folder away.
func (b *Inbox) Rmdir(ctx context.Context, p vpath.Path) error {
	return b.update(ctx, func(tx *catalog.Tx, rec *custody.Records) error {
		return inbox.In(tx, rec, b.login).Rmdir(p)
	})
}

// Remove frees the name p. A file that was received stays (R4); an unfinished
// arrival is discarded.
func (b *Inbox) Remove(ctx context.Context, p vpath.Path) error {
	if a := b.in.live.Named(b.spec(p).name()); a != nil {
		a.Abort(errRemoved)
	}
	var gone []*catalog.File
	err := b.update(ctx, func(tx *catalog.Tx, rec *custody.Records) error {
		e, err := inbox.In(tx, rec, b.login).Find(p)
		if err != nil {
			return err
		}
		if e.Dir {
			return fault.New(fault.Invalid, "inbox: remove", "that is a folder")
		}
		if gone, err = b.in.ledger.Supersede(tx, e.File); err != nil || len(gone) > 0 {
			return err // the entry went with the row
		}
		return tx.DeleteEntry(e.ID)
	})
	if err != nil {
		return err
	}
	for _, f := range gone {
		b.in.removeObject(f)
	}
	return nil
}

var errRemoved = errors.New("removed by its client")

// SetModTime records the client's time of the name p.
func (b *Inbox) SetModTime(ctx context.Context, p vpath.Path, t time.Time) error {
	if a := b.in.live.Named(b.spec(p).name()); a != nil {
		a.SetModTime(t)
		return nil
	}
	if p.IsRoot() {
		return nil
	}
	return b.update(ctx, func(tx *catalog.Tx, rec *custody.Records) error {
		e, err := inbox.In(tx, rec, b.login).Find(p)
		if err != nil {
			return err
		}
		e.MTime = t
		return tx.SaveEntry(e)
	})
}

func (b *Inbox) view(ctx context.Context, fn func(*catalog.Tx, *custody.Records) error) error {
	rec, err := b.in.keys.Records(ctx, b.account)
	if err != nil {
		return err
	}
	return b.in.catalog.View(ctx, func(tx *catalog.Tx) error { return fn(tx, rec) })
}

func (b *Inbox) update(ctx context.Context, fn func(*catalog.Tx, *custody.Records) error) error {
	rec, err := b.in.keys.Records(ctx, b.account)
	if err != nil {
		return err
	}
	return b.in.catalog.Update(ctx, func(tx *catalog.Tx) error { return fn(tx, rec) })
}
