package intake

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

// MoveKept moves small bodies that came to rest from the catalog to the vault,
// and returns when none is left. It shares its goroutine with SweepObjects: an
// object is in the vault before its row says so, which the sweep would take
// for rubbish.
func (in *Intake) MoveKept(ctx context.Context) error {
	for {
		if n, err := in.moveSome(ctx); err != nil || n == 0 {
			return err
		}
	}
}

// moveWhileQuiet is MoveKept as the background does it: nobody waits for it, so
// it stops when files arrive, unless bodies take half of their room in the
// catalog.
func (in *Intake) moveWhileQuiet(ctx context.Context) error {
	for !in.Busy() || !in.inline.fits(inlineBudget/2) {
		if n, err := in.moveSome(ctx); err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// moveSome moves one batch and returns how many bodies there were to move.
func (in *Intake) moveSome(ctx context.Context) (int, error) {
	var ids []uuid.UUID
	err := in.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
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
		m := move{ref: newRef(id)}
		m.was, err = in.copyOut(ctx, id, m.ref)
		if fault.Is(err, fault.NotFound) {
			err = nil // a person decided meanwhile
			continue
		}
		if err != nil {
			break
		}
		moves = append(moves, m)
	}
	return len(ids), errors.Join(err, in.pointTo(ctx, moves))
}

// move is a body that was copied to the vault.
type move struct {
	ref string
	was *catalog.File // the row that it belonged to
}

// pointTo makes the rows of files point to the objects that their bodies were
// copied to. An object whose file a person has decided about meanwhile goes, and
// one whose file has another body now, sealed anew for other keys.
func (in *Intake) pointTo(ctx context.Context, moves []move) error {
	if len(moves) == 0 {
		return nil
	}
	var idle []string
	var moved int64
	err := in.catalog.Update(ctx, func(tx *catalog.Tx) error {
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
		return err // the objects stay for the sweep, which asks the catalog
	}
	in.inline.bytes.Add(-moved)
	for _, ref := range idle {
		if err := in.vault.Remove(ctx, ref); err != nil {
			return err
		}
	}
	return nil
}

// copyOut writes a body from the catalog into the vault, durably. It returns the
// row that the body belonged to.
func (in *Intake) copyOut(ctx context.Context, id uuid.UUID, ref string) (f *catalog.File, err error) {
	var body []byte
	err = in.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if f, err = tx.File(id); err == nil {
			body, err = tx.Inline(id)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	obj, err := in.vault.Create(ctx, ref)
	if err != nil {
		return nil, err
	}
	if _, err = obj.WriteAt(body, 0); err == nil {
		err = obj.Commit(ctx)
	}
	if err != nil {
		// No row refers to it: on a full disk it must not take room.
		obj.Close()
		return nil, fault.Wrap(fault.Internal, "intake: move", errors.Join(err, in.vault.Remove(ctx, ref)))
	}
	return f, nil
}
