package objects

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// moveBatch is how many bodies change their place in one commit: few, so that
// an arrival waits for milliseconds only.
const moveBatch = 16

// MoveSome moves small bodies that came to rest from the catalog to the vault,
// one batch, and returns how many there were to move. It shares its goroutine with Sweep: an object is in the vault before
// its row says so, which the sweep would take for rubbish.
func (o *Objects) MoveSome(ctx context.Context) (found int, err error) {
	var ids []uuid.UUID
	err = o.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		ids, err = tx.InlineFiles(catalog.Kept, moveBatch)
		return err
	})
	if err == nil {
		err = ctx.Err()
	}
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	// A move that was begun is ended, so that an orderly end of the gateway
	// leaves no object without a row.
	ctx = context.WithoutCancel(ctx)
	var moves []move
	for _, id := range ids {
		m := move{ref: NewRef(id)}
		m.was, err = o.copyOut(ctx, id, m.ref)
		if fault.Is(err, fault.NotFound) {
			err = nil // a person decided meanwhile
			continue
		}
		if err != nil {
			break
		}
		moves = append(moves, m)
	}
	moved, switchErr := o.pointTo(ctx, moves)
	o.inline.Add(-moved)
	return len(ids), errors.Join(err, switchErr)
}

// Inline returns about how many bytes of bodies lie in the catalog: what CountInline
// found, and what has come and gone since.
func (o *Objects) Inline() int64 { return o.inline.Load() }

// AddInline says that a body was put into the catalog.
func (o *Objects) AddInline(length int) { o.inline.Add(int64(length)) }

// CountInline sets right what Inline returns.
func (o *Objects) CountInline(ctx context.Context) error {
	return o.catalog.View(ctx, func(tx *catalog.Tx) error {
		n, err := tx.InlineBytes()
		if err == nil {
			o.inline.Store(n)
		}
		return err
	})
}

// move is a body that was copied to the vault.
type move struct {
	ref string
	was *catalog.File // the row that it belonged to
}

// pointTo makes the rows of files point to the objects that their bodies were
// copied to. An object whose file a person has decided about meanwhile goes, and
// one whose file has another body now, sealed anew for other keys.
func (o *Objects) pointTo(ctx context.Context, moves []move) (moved int64, err error) {
	if len(moves) == 0 {
		return 0, nil
	}
	var idle []string
	err = o.catalog.Update(ctx, func(tx *catalog.Tx) error {
		for _, m := range moves {
			f, err := tx.File(m.was.ID)
			if err != nil {
				return err
			}
			if f.State != catalog.Kept || f.Body != m.was.Body || f.Lock != m.was.Lock {
				idle = append(idle, m.ref)
				continue
			}
			f.Body.Kind, f.Body.Ref = catalog.VaultBody, m.ref
			if err := tx.SaveFile(f); err != nil {
				return err
			}
			if err := tx.DeleteInline(f.ID); err != nil {
				return err
			}
			moved += f.Body.Sealed
		}
		return nil
	})
	if err != nil {
		return 0, err // the objects stay for the sweep, which asks the catalog
	}
	for _, ref := range idle {
		if err := o.vault.Remove(ctx, ref); err != nil {
			return moved, err
		}
	}
	return moved, nil
}

// copyOut writes a body from the catalog into the vault, durably. It returns the
// row that the body belonged to.
func (o *Objects) copyOut(ctx context.Context, id uuid.UUID, ref string) (f *catalog.File, err error) {
	var body []byte
	err = o.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if f, err = tx.File(id); err == nil {
			body, err = tx.Inline(id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	obj, err := o.vault.Create(ctx, ref)
	if err != nil {
		return nil, err
	}
	if _, err = obj.WriteAt(body, 0); err == nil {
		err = obj.Commit(ctx)
	}
	if err != nil {
		// No row refers to it: on a full disk it must not take room.
		obj.Close()
		return nil, fault.Wrap(fault.Internal, "objects: move", errors.Join(err, o.vault.Remove(ctx, ref)))
	}
	return f, nil
}
