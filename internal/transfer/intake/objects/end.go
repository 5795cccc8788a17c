package objects

import (
	"context"
	"io"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/vault"
)

// Unfinished returns the object of an unfinished arrival: fault.NotFound when it was
// on record and a crash came before there was one.
func (o *Objects) Unfinished(ctx context.Context, f *catalog.File) (Object, error) {
	if f.Body.Kind != catalog.InlineBody {
		return o.vault.Resume(ctx, f.Body.Ref)
	}
	m := new(Memory)
	err := o.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		m.Bytes, err = tx.Inline(f.ID)
		return err
	})
	return m, err
}

// OpenBody reads the header and opens the file key with the grant.
func (o *Objects) OpenBody(ctx context.Context, f *catalog.File, obj io.ReaderAt) (*seal.Body, []byte, error) {
	h, raw, err := seal.ReadHeader(io.NewSectionReader(obj, 0, seal.MaxHeader))
	if err != nil {
		return nil, nil, err
	}
	key, err := o.keys.FileKey(ctx, f, h)
	if err != nil {
		return nil, nil, err
	}
	defer key.Wipe()
	if err := seal.VerifyHeader(raw, key); err != nil {
		return nil, nil, err
	}
	body, err := seal.NewBody(key, f.ID)
	return body, raw, err
}

// End writes the trailer onto a body that has none and makes it durable. inline is
// the body when it lies in the catalog. It fills in f what changes by it, and may
// be done again after a crash.
func (o *Objects) End(ctx context.Context, f *catalog.File, inline []byte, t seal.Trailer) error {
	if f.Body.Kind == catalog.InlineBody {
		return o.endInline(ctx, f, inline, t)
	}
	obj, err := o.vault.Resume(ctx, f.Body.Ref)
	if err != nil {
		return err
	}
	if err := o.appendTrailer(ctx, f, obj, t); err != nil {
		obj.Close()
		return err
	}
	return fault.Wrap(fault.Internal, "objects: sync", obj.Commit(ctx))
}

func (o *Objects) appendTrailer(ctx context.Context, f *catalog.File, obj vault.Body, t seal.Trailer) error {
	body, header, err := o.OpenBody(ctx, f, obj)
	if err != nil {
		return err
	}
	length := seal.ObjectSize(len(header), t.Size)
	if _, err := obj.WriteAt(body.SealTrailer(nil, t), length-seal.TrailerSize); err != nil {
		return err
	}
	f.Body.Sealed = length
	return obj.Truncate(length)
}

// endInline replaces a body in the catalog by the same with its trailer.
func (o *Objects) endInline(ctx context.Context, f *catalog.File, inline []byte, t seal.Trailer) error {
	m := &Memory{Bytes: inline}
	body, header, err := o.OpenBody(ctx, f, m)
	if err != nil {
		return err
	}
	length := seal.ObjectSize(len(header), t.Size)
	m.Bytes = append(m.Bytes[:length-seal.TrailerSize], body.SealTrailer(nil, t)...)
	f.Body.Sealed = length
	return o.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.DeleteInline(f.ID); err != nil {
			return err
		}
		return tx.PutInline(f.ID, m.Bytes)
	})
}
