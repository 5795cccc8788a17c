package objects

import (
	"context"
	"errors"
	"sync"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/vault"
)

// drafts are the objects that are in the vault before a row refers to them. The
// sweep leaves them alone; after a crash nobody remembers them, and it takes them.
type drafts struct {
	mu   sync.Mutex // guards refs
	refs map[string]bool
}

func (d *drafts) add(ref string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refs == nil {
		d.refs = map[string]bool{}
	}
	d.refs[ref] = true
}

func (d *drafts) forget(ref string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.refs, ref)
}

func (d *drafts) has(ref string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refs[ref]
}

// Draft is a new object for a file that is on record already, in place of the one
// that it has. It is written through Body and made durable by its Commit; then the
// row is changed to Ref, and Keep called. Drop, in any other case, removes it; after
// Keep it does nothing.
type Draft struct {
	vault.Body
	Ref string

	of   *Objects
	kept bool
}

// NewDraft begins a new object for a file.
func (o *Objects) NewDraft(ctx context.Context, file uuid.UUID) (*Draft, error) {
	d := &Draft{Ref: NewRef(file), of: o}
	o.drafts.add(d.Ref)
	var err error
	if d.Body, err = o.vault.Create(ctx, d.Ref); err != nil {
		// It may be there in spite of the error.
		err = errors.Join(err, d.Drop(context.WithoutCancel(ctx)))
		return nil, fault.Wrap(fault.Internal, "objects: new object", err)
	}
	return d, nil
}

// Keep says that the row refers to the object now.
func (d *Draft) Keep() {
	d.kept = true
	d.of.drafts.forget(d.Ref)
}

// Drop removes an object that no row refers to, so that it takes no room on a disk
// that may be full.
func (d *Draft) Drop(ctx context.Context) error {
	if d.kept {
		return nil
	}
	if d.Body != nil {
		_ = d.Close() // closed already after a Commit
	}
	err := d.of.vault.Remove(ctx, d.Ref)
	d.of.drafts.forget(d.Ref)
	return err
}
