// Package bodies opens a file's sealed body, wherever it lies: in the catalog
// while it is small and new, else in the vault. Every body is opened through
// here, so that header, account and trailer are always checked before a byte
// is given out. Every body ends here, too: Drop and Erase take it off record, in
// the transaction that says so, and Remove removes it after that is durable. What
// a crash leaves between the two is an object that no row refers to, and the
// intake's sweep takes it away.
package bodies

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/vault"
)

// Bodies opens bodies. It is safe for concurrent use.
type Bodies struct {
	catalog *catalog.Catalog
	vault   vault.Vault
	keys    *custody.Custodian
}

// New returns Bodies over these stores.
func New(cat *catalog.Catalog, v vault.Vault, keys *custody.Custodian) *Bodies {
	return &Bodies{cat, v, keys}
}

// Body is an open file: its plaintext at any offset, verified slot by slot.
type Body struct {
	*seal.Reader
	object io.Closer
}

// Close lets go of the object.
func (b *Body) Close() error { return b.object.Close() }

// Open opens the content of f: by its grant while it has one, else by the
// account's certificate and access key. fault.NotFound: the content is gone.
// fault.Locked: a key is missing. fault.Damaged: it is not the file on record.
func (b *Bodies) Open(ctx context.Context, f *catalog.File) (*Body, error) {
	obj, err := b.OpenSealed(ctx, f)
	if err != nil {
		return nil, err
	}
	r, err := b.unlock(ctx, f, obj)
	if err != nil {
		obj.Close()
		return nil, fault.Wrap(fault.Internal, "bodies: open", err)
	}
	return &Body{r, obj}, nil
}

func (b *Bodies) unlock(ctx context.Context, f *catalog.File, obj vault.Object) (*seal.Reader, error) {
	var key *seal.FileKey
	defer func() { key.Wipe() }()
	r, err := seal.OpenReaderAt(obj, obj.Size(), func(h seal.Header) (*seal.FileKey, error) {
		if err := h.Check(seal.Binding{File: f.ID, Account: f.Account}); err != nil {
			return nil, err
		}
		var err error
		key, err = b.keys.FileKey(ctx, f, h)
		return key, err
	})
	if err != nil {
		return nil, err
	}
	if r.Size() != f.Content.Size {
		return nil, fault.New(fault.Damaged, "bodies: open", "the content has another length than the record says")
	}
	return r, nil
}

// OpenSealed opens the sealed object of f as it is.
func (b *Bodies) OpenSealed(ctx context.Context, f *catalog.File) (vault.Object, error) {
	obj, err := b.find(ctx, f.ID, f.Body)
	if !fault.Is(err, fault.NotFound) || f.Body.Kind == catalog.NoBody {
		return obj, err
	}
	// It moved to the vault, was sealed for other keys, or was deleted, since the
	// row was read.
	var now *catalog.File
	if err := b.catalog.View(ctx, func(tx *catalog.Tx) (err error) { now, err = tx.File(f.ID); return err }); err != nil {
		return nil, err
	}
	if now.Body == f.Body {
		return nil, err
	}
	return b.find(ctx, now.ID, now.Body)
}

// find opens the object where the row says that it is.
func (b *Bodies) find(ctx context.Context, file uuid.UUID, body catalog.Body) (vault.Object, error) {
	switch body.Kind {
	case catalog.VaultBody:
		return b.vault.Open(ctx, body.Ref)
	case catalog.InlineBody:
		var sealed []byte
		err := b.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
			sealed, err = tx.Inline(file)
			return err
		})
		if err != nil {
			return nil, err
		}
		return inlineObject{bytes.NewReader(sealed)}, nil
	}
	return nil, fault.New(fault.NotFound, "bodies: open", "the content of this file is gone")
}

// inlineObject is a body that lies in the catalog.
type inlineObject struct{ *bytes.Reader }

func (o inlineObject) Size() int64 { return o.Reader.Size() }
func (inlineObject) Close() error  { return nil }

// Drop takes the body off the row: the row is the caller's to save. An inline body
// is wiped in this transaction; what is returned is to be removed after it.
func Drop(tx *catalog.Tx, f *catalog.File) (gone catalog.Body, err error) {
	if f.Body.Kind == catalog.InlineBody {
		err = tx.DeleteInline(f.ID)
	}
	gone, f.Body = f.Body, catalog.Body{Kind: catalog.NoBody}
	return gone, err
}

// Erase ends a file: its body and its grant go, its record stays. A file that was
// delivered stays delivered: only its body goes.
func Erase(tx *catalog.Tx, f *catalog.File, actor, reason string, now time.Time) (gone catalog.Body, err error) {
	if gone, err = Drop(tx, f); err != nil {
		return gone, err
	}
	f.Grant, f.Reason = catalog.Grant{}, reason
	if f.State != catalog.Delivered {
		f.State, f.EndedAt = catalog.Erased, now
	}
	if err := tx.SaveFile(f); err != nil {
		return gone, err
	}
	return gone, tx.Audit(audit.Entry{
		Account: f.Account, Actor: actor, Action: "file.erased", Object: f.ID.String(),
		Detail: map[string]string{"reason": reason},
	})
}

// Remove removes the vault object of a row that no longer refers to it.
func (b *Bodies) Remove(ctx context.Context, body catalog.Body) error {
	if body.Kind != catalog.VaultBody {
		return nil
	}
	return b.vault.Remove(ctx, body.Ref)
}
