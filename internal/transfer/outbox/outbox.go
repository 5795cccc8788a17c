// Package outbox is the only way out: files that wait for an account, and the
// kept files it may fetch again. Whatever door hands a file out, it finds it
// here and says here that it was delivered.
//
// A file for the account enters through the intake like any other, is sealed
// like a kept file, plus a grant that lives until its delivery. Delivered, the
// grant goes at once and the body after the account's OutboxKeepFor.
package outbox

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/vpath"
)

// ExpireJob removes the body of a delivered file when its time is over.
const ExpireJob = "outbox-expire"

// Outbox hands files out. It is safe for concurrent use.
type Outbox struct {
	catalog *catalog.Catalog
	bodies  *bodies.Bodies
	keys    *custody.Custodian
	intake  *intake.Intake
	now     func() time.Time
}

// New returns an outbox on these stores.
func New(cat *catalog.Catalog, b *bodies.Bodies, keys *custody.Custodian, in *intake.Intake, now func() time.Time) *Outbox {
	return &Outbox{cat, b, keys, in, now}
}

// Item is a file under the name it can be fetched by. Of several files with
// one name the oldest has it as it is; later ones get ".2", ".3" before the
// extension.
type Item struct {
	Name string
	File *catalog.File
}

// Waiting lists what waits for the account, oldest first.
func (o *Outbox) Waiting(ctx context.Context, account uuid.UUID) ([]Item, error) {
	return o.list(ctx, catalog.FileFilter{Account: account, State: catalog.Waiting, Direction: catalog.Out})
}

// Kept lists the account's kept files, oldest first.
func (o *Outbox) Kept(ctx context.Context, account uuid.UUID) ([]Item, error) {
	return o.list(ctx, catalog.FileFilter{Account: account, State: catalog.Kept, Direction: catalog.In})
}

func (o *Outbox) list(ctx context.Context, filter catalog.FileFilter) ([]Item, error) {
	rec, err := o.keys.Records(ctx, filter.Account)
	if err != nil {
		return nil, err
	}
	filter.Limit = -1
	var files []*catalog.File
	err = o.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		files, err = tx.Files(filter)
		return err
	})
	if err != nil {
		return nil, err
	}
	items := make([]Item, 0, len(files))
	seen := make(map[string]int, len(files))
	for i := len(files) - 1; i >= 0; i-- { // newest first as they come
		name, err := rec.Open("file", "name", files[i].ID, files[i].Name)
		if err != nil {
			return nil, err
		}
		seen[string(name)]++
		items = append(items, Item{numbered(string(name), seen[string(name)]), files[i]})
	}
	return items, nil
}

// numbered is the name of the nth file that has it.
func numbered(name string, n int) string {
	if n == 1 {
		return name
	}
	ext := path.Ext(name)
	return fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ext), n, ext)
}

// FindWaiting finds what waits for the account under a name.
func (o *Outbox) FindWaiting(ctx context.Context, account uuid.UUID, name string) (*catalog.File, error) {
	return o.find(ctx, catalog.FileFilter{Account: account, State: catalog.Waiting, Direction: catalog.Out}, name)
}

// WaitingByID returns a file that waits for the account.
func (o *Outbox) WaitingByID(ctx context.Context, account, id uuid.UUID) (*catalog.File, error) {
	var f *catalog.File
	err := o.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		f, err = tx.File(id)
		return err
	})
	if err == nil && (f.Account != account || f.Direction != catalog.Out || f.State != catalog.Waiting) {
		return nil, fault.New(fault.NotFound, "outbox: find", "no such file")
	}
	return f, err
}

// FindKept finds a kept file of the account by its name.
func (o *Outbox) FindKept(ctx context.Context, account uuid.UUID, name string) (*catalog.File, error) {
	return o.find(ctx, catalog.FileFilter{Account: account, State: catalog.Kept, Direction: catalog.In}, name)
}

// find looks the name up by its MAC, first as it is, then as a numbered one.
// It never goes through the account's files: anybody may ask for any name.
func (o *Outbox) find(ctx context.Context, filter catalog.FileFilter, name string) (*catalog.File, error) {
	files, err := o.named(ctx, filter, name)
	if err != nil {
		return nil, err
	}
	if len(files) > 0 {
		return files[len(files)-1], nil // the oldest
	}
	if original, n, ok := unnumbered(name); ok {
		if files, err = o.named(ctx, filter, original); err != nil {
			return nil, err
		}
		if n <= len(files) {
			return files[len(files)-n], nil
		}
	}
	return nil, fault.New(fault.NotFound, "outbox: find", "no such file")
}

// named returns the files of exactly this name, newest first.
func (o *Outbox) named(ctx context.Context, filter catalog.FileFilter, name string) ([]*catalog.File, error) {
	rec, err := o.keys.Records(ctx, filter.Account)
	if err != nil {
		return nil, err
	}
	filter.NameMAC, filter.Limit = inbox.MAC(rec, name), -1
	var files []*catalog.File
	err = o.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		files, err = tx.Files(filter)
		return err
	})
	return files, err
}

// unnumbered undoes numbered, for the second file of a name and later ones.
func unnumbered(name string) (original string, n int, ok bool) {
	ext := path.Ext(name)
	if stem := strings.TrimSuffix(name, ext); path.Ext(stem) != "" {
		number := path.Ext(stem)
		if n, err := strconv.Atoi(number[1:]); err == nil && numbered(strings.TrimSuffix(stem, number)+ext, n) == name && n > 1 {
			return strings.TrimSuffix(stem, number) + ext, n, true
		}
	}
	// The original had no extension: its number looks like one.
	if n, err := strconv.Atoi(strings.TrimPrefix(ext, ".")); err == nil && n > 1 && numbered(strings.TrimSuffix(name, ext), n) == name {
		return strings.TrimSuffix(name, ext), n, true
	}
	return "", 0, false
}

// Open opens the content of a file that was found here.
func (o *Outbox) Open(ctx context.Context, f *catalog.File) (*bodies.Body, error) {
	return o.bodies.Open(ctx, f)
}

// Send puts a file into the account's outbox. actor and source are for the
// record: "operator", "gateway" ...
func (o *Outbox) Send(ctx context.Context, account uuid.UUID, name string, content io.Reader, actor, source string) (*catalog.File, error) {
	p, err := vpath.Parse(name)
	if err != nil {
		return nil, err
	}
	if len(p.Elements()) != 1 {
		return nil, fault.New(fault.Invalid, "outbox: send", "a name without folders is needed")
	}
	a, err := o.intake.Begin(ctx, intake.Spec{
		Account: account, Path: p, Source: source, Direction: catalog.Out, Actor: actor,
	})
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.NewOffsetWriter(a, 0), content); err != nil {
		a.Abort(err)
		return nil, fault.Wrap(fault.Internal, "outbox: send", err)
	}
	return a.Commit(ctx)
}

// Delivered records that the account has the file: by is the login, or what
// else fetched it. Doing it again changes nothing.
func (o *Outbox) Delivered(ctx context.Context, id uuid.UUID, by string) error {
	return o.catalog.Update(ctx, func(tx *catalog.Tx) error {
		f, err := tx.File(id)
		if err != nil {
			return err
		}
		if f.State == catalog.Delivered {
			return nil
		}
		if f.State != catalog.Waiting {
			return fault.New(fault.Invalid, "outbox: delivered", "the file does not wait to be fetched")
		}
		account, err := tx.Account(f.Account)
		if err != nil {
			return err
		}
		f.State, f.EndedAt, f.Grant = catalog.Delivered, o.now(), catalog.Grant{}
		if err := tx.SaveFile(f); err != nil {
			return err
		}
		if err := tx.Audit(audit.Entry{Account: f.Account, Actor: by, Action: "file.delivered", Object: f.ID.String()}); err != nil {
			return err
		}
		return tx.AddJob(&catalog.Job{Kind: ExpireJob, Account: f.Account, File: f.ID, RunAt: o.now().Add(account.OutboxKeepFor)})
	})
}

// Expire is the work.Handler of ExpireJob: the body goes, the record stays.
func (o *Outbox) Expire(ctx context.Context, job *catalog.Job) error {
	var gone catalog.Body
	err := o.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.FinishJob(job); err != nil {
			return err
		}
		f, err := tx.File(job.File)
		if err != nil || f.State != catalog.Delivered {
			return err
		}
		if f.Body.Kind == catalog.InlineBody {
			if err := tx.DeleteInline(f.ID); err != nil {
				return err
			}
		}
		gone, f.Body = f.Body, catalog.Body{Kind: catalog.NoBody}
		if err := tx.Audit(audit.Entry{Account: f.Account, Actor: "gateway", Action: "file.body-removed", Object: f.ID.String()}); err != nil {
			return err
		}
		return tx.SaveFile(f)
	})
	if err != nil {
		return err
	}
	return o.bodies.Remove(ctx, gone)
}
