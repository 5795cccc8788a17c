package intake

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/ledger"
	"sealgate/internal/transfer/intake/objects"
	"sealgate/internal/transfer/intake/sealed"
	"sealgate/internal/transfer/vpath"
)

// finish makes a complete arrival durable and puts it on record. Its tail is
// sealed and its writers are shut out.
func (in *Intake) finish(ctx context.Context, a *Arrival, sum [32]byte) (*catalog.File, error) {
	// Its keys may have gone since it began.
	if err := in.accepts(ctx, a.account, a.spec.Direction); err != nil {
		return nil, err
	}
	rec, err := in.keys.Records(ctx, a.spec.Account)
	if err != nil {
		return nil, err
	}
	f := *a.file
	describe(rec, a.spec, &f, a.board.Size(), sum)
	now := in.now()
	f.ReceivedAt = now
	end := seal.ObjectSize(a.header, f.Content.Size) - seal.TrailerSize
	if !a.waits {
		t := seal.Trailer{Size: f.Content.Size, SHA256: sum, Name: a.spec.Path.Base(), ReceivedAt: now}
		if err := a.writeTrailer(end, t); err != nil {
			return nil, err
		}
		end += seal.TrailerSize
	}
	inline, err := a.settle(end)
	if err != nil {
		return nil, err
	}
	f.Body = a.file.Body
	if inline != nil {
		f.Body = catalog.Body{Kind: catalog.InlineBody}
	}
	f.Body.Sealed = end
	a.mu.Lock()
	entry := a.entry(&f)
	a.mu.Unlock()
	entry.Inline = inline
	return in.putOnRecord(ctx, rec, entry, a.spec.With)
}

// describe fills in what is known of the content once it is whole.
func describe(rec *custody.Records, spec Spec, f *catalog.File, size int64, sum [32]byte) {
	sealed := rec.Seal("file", "sha256", f.ID, sum[:])
	mac := rec.MAC("duplicates", sum[:])
	f.Content = catalog.Content{Size: size, SHA256: sealed, MAC: mac[:]}
	switch {
	case spec.listed():
		f.Delivery.MAC = deliveryMAC(rec, spec.Login, spec.Path, sum[:])
	case spec.Delivery != nil:
		mac := rec.MAC("duplicates", slices.Concat(spec.Delivery, [][]byte{sum[:]})...)
		f.Delivery.MAC = mac[:]
	}
}

// deliveryMAC is the delivery id of a door that has none of its own: the same
// login sending the same name and bytes (R2).
func deliveryMAC(rec *custody.Records, login uuid.UUID, p vpath.Path, sum []byte) []byte {
	mac := rec.MAC("delivery", login[:], []byte(p.String()), sum)
	return mac[:]
}

// writeTrailer ends the object at the given offset.
func (a *Arrival) writeTrailer(at int64, t seal.Trailer) error {
	_, err := a.currentObject().WriteAt(a.body.SealTrailer(nil, t), at)
	return err
}

// settle cuts the object to its length and makes it durable: the fsync of R1,
// of the object and of its folder. It is not tried again when it fails. A small object is
// returned instead, to be committed in the catalog.
func (a *Arrival) settle(length int64) (inline []byte, err error) {
	obj := a.currentObject()
	if m, ok := obj.(*objects.Memory); ok {
		if err := m.Truncate(length); err != nil {
			return nil, err
		}
		if length <= maxInline && a.in.objects.Inline()+length <= inlineBudget {
			return m.Bytes, nil
		}
		if err := a.leaveMemory(); err != nil {
			return nil, err
		}
		obj = a.currentObject()
	}
	if a.board.Extent() > length || a.resumedObject {
		if err := obj.Truncate(length); err != nil {
			return nil, err
		}
	}
	return nil, fault.Wrap(fault.Internal, "intake: sync", obj.Sync())
}

// putOnRecord is the commit point of R1: row, body when it is small, name,
// audit entry and index job, together. It returns the file that is on record
// now, which is an older one when this is the same delivery again.
func (in *Intake) putOnRecord(
	ctx context.Context, rec *custody.Records, a ledger.Arrival, with func(*catalog.Tx, *catalog.File) error,
) (*catalog.File, error) {
	result := a.File
	var superseded []*catalog.File
	err := in.catalog.Update(ctx, func(tx *catalog.Tx) error {
		same, err := in.ledger.Repeats(tx, a)
		if err != nil {
			return err
		}
		if same != nil {
			result, err = same, in.ledger.ForgetRepeated(tx, rec, a, same)
		} else {
			superseded, err = in.ledger.Receive(tx, rec, a)
		}
		if err != nil || with == nil {
			return err
		}
		return with(tx, result)
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "intake: commit", err)
	}
	if result != a.File {
		in.removeObject(a.File)
		return result, nil
	}
	in.stir()
	in.objects.AddInline(len(a.Inline))
	in.live.Forget(a.File.ID)
	for _, f := range superseded {
		in.removeObject(f)
	}
	return result, nil
}

// Confirm records that something followed our acknowledgement of these files,
// so that the client has it. It never blocks.
func (in *Intake) Confirm(ids ...uuid.UUID) {
	if len(ids) > 0 {
		in.ledger.Confirm(ids...)
	}
}

// removeObject removes a body that no row refers to any more. What fails here
// is swept later.
func (in *Intake) removeObject(f *catalog.File) {
	in.live.Forget(f.ID)
	if f.Body.Kind != catalog.VaultBody {
		return
	}
	if err := in.vault.Remove(context.Background(), f.Body.Ref); err != nil && !fault.Is(err, fault.NotFound) {
		in.log.Warn("body not removed yet", "file", f.ID, "err", err)
	}
}

// drop takes an unfinished arrival off record and removes its object.
func (in *Intake) drop(ctx context.Context, f *catalog.File) error {
	err := in.catalog.Update(ctx, func(tx *catalog.Tx) error {
		now, err := tx.File(f.ID)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if now.State != catalog.Arriving {
			return fault.New(fault.Exists, "intake: drop", "the file was received")
		}
		if now.Source == sealed.Source {
			if err := tx.ForgetAgentDelivery(now.Login, f.ID); err != nil {
				return err
			}
		}
		return tx.DeleteFile(f.ID)
	})
	if err != nil {
		return err
	}
	in.removeObject(f)
	return nil
}
