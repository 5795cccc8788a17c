package intake

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

const moveBatch = 64

// MoveKept moves small bodies that came to rest from the catalog to the vault,
// and returns when none is left. It shares its goroutine with SweepObjects: an
// object is in the vault before its row says so, which the sweep would take
// for rubbish.
func (in *Intake) MoveKept(ctx context.Context) error {
	for {
		var ids []uuid.UUID
		err := in.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
			ids, err = tx.InlineFiles(catalog.Kept, moveBatch)
			return err
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			// A move that was begun is ended, so that an orderly end of the
			// gateway leaves no object without a row.
			if err := in.moveOne(context.WithoutCancel(ctx), id); err != nil {
				return err
			}
		}
	}
}

func (in *Intake) moveOne(ctx context.Context, id uuid.UUID) error {
	ref := newRef(id)
	if err := in.copyOut(ctx, id, ref); err != nil {
		return err
	}
	moved := false
	err := in.catalog.Update(ctx, func(tx *catalog.Tx) error {
		f, err := tx.File(id)
		if err != nil || f.State != catalog.Kept || f.Body.Kind != catalog.InlineBody {
			return err // a person decided meanwhile
		}
		f.Body.Kind, f.Body.Ref = catalog.VaultBody, ref
		if err := tx.SaveFile(f); err != nil {
			return err
		}
		moved = true
		return tx.DeleteInline(id)
	})
	if err != nil {
		return err // the object stays for the sweep, which asks the catalog
	}
	if !moved {
		return in.vault.Remove(ctx, ref)
	}
	return nil
}

// copyOut writes a body from the catalog into the vault, durably.
func (in *Intake) copyOut(ctx context.Context, id uuid.UUID, ref string) error {
	var body []byte
	err := in.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		body, err = tx.Inline(id)
		return err
	})
	if err != nil {
		return err
	}
	obj, err := in.vault.Create(ctx, ref)
	if err != nil {
		return err
	}
	if _, err = obj.WriteAt(body, 0); err == nil {
		err = obj.Commit(ctx)
	}
	if err != nil {
		// No row refers to it: on a full disk it must not take room.
		obj.Close()
		return fault.Wrap(fault.Internal, "intake: move", errors.Join(err, in.vault.Remove(ctx, ref)))
	}
	return nil
}
