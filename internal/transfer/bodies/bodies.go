// Package bodies opens a file's sealed body, wherever it lies: in the catalog
// while it is small and new, else in the vault. Every body is opened through
// here, so that header, account and trailer are always checked before a byte
// is given out.
package bodies

import (
	"bytes"
	"context"
	"io"

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
	switch f.Body.Kind {
	case catalog.VaultBody:
		return b.vault.Open(ctx, f.Body.Ref)
	case catalog.InlineBody:
		return b.inline(ctx, f)
	}
	return nil, fault.New(fault.NotFound, "bodies: open", "the content of this file is gone")
}

func (b *Bodies) inline(ctx context.Context, f *catalog.File) (vault.Object, error) {
	var obj vault.Object
	err := b.catalog.View(ctx, func(tx *catalog.Tx) error {
		body, err := tx.Inline(f.ID)
		if err == nil {
			obj = inlineObject{bytes.NewReader(body)}
		}
		return err
	})
	if !fault.Is(err, fault.NotFound) {
		return obj, err
	}
	// It moved to the vault, or was deleted, since the row was read.
	var now *catalog.File
	if err := b.catalog.View(ctx, func(tx *catalog.Tx) (err error) { now, err = tx.File(f.ID); return err }); err != nil {
		return nil, err
	}
	if now.Body.Kind == catalog.VaultBody {
		return b.vault.Open(ctx, now.Body.Ref)
	}
	return nil, fault.New(fault.NotFound, "bodies: open", "the content of this file is gone")
}

// inlineObject is a body that lies in the catalog.
type inlineObject struct{ *bytes.Reader }

func (o inlineObject) Size() int64 { return o.Reader.Size() }
func (inlineObject) Close() error  { return nil }

// Remove removes the vault object of a row that no longer refers to it.
func (b *Bodies) Remove(ctx context.Context, body catalog.Body) error {
	if body.Kind != catalog.VaultBody {
		return nil
	}
	return b.vault.Remove(ctx, body.Ref)
}
