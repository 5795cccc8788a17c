package intake

import (
	"context"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/intake/objects"
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
	return in.putOnRecord(ctx, rec, commitment{
		spec: a.spec, file: &f, known: a.onRecord, fresh: a.fresh, inline: inline, modTime: a.clientTime(), waits: a.waits,
	})
}

// describe fills in what is known of the content once it is whole.
func describe(rec *custody.Records, spec Spec, f *catalog.File, size int64, sum [32]byte) {
	sealed := rec.Seal("file", "sha256", f.ID, sum[:])
	mac := rec.MAC("duplicates", sum[:])
	f.Content = catalog.Content{Size: size, SHA256: sealed, MAC: mac[:]}
	if spec.listed() {
		f.Delivery.MAC = deliveryMAC(rec, spec.Login, spec.Path, sum[:])
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
		if length <= maxInline && a.in.inline.fits(length) {
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

// commitment is what putOnRecord commits in one transaction.
type commitment struct {
	spec    Spec
	file    *catalog.File
	known   bool      // the file has a row already
	fresh   freshKeys // of a file that has none yet
	inline  []byte    // its body, when it lies in the catalog
	modTime time.Time
	waits   bool // for its rename
}

// putOnRecord is the commit point of R1: row, body when it is small, name,
// audit entry and index job, together. It returns the file that is on record
// now, which is an older one when this is the same delivery again.
func (in *Intake) putOnRecord(ctx context.Context, rec *custody.Records, c commitment) (*catalog.File, error) {
	result := c.file
	var superseded []*catalog.File
	err := in.catalog.Update(ctx, func(tx *catalog.Tx) error {
		same, err := in.sameDelivery(tx, c)
		if err != nil {
			return err
		}
		if same != nil {
			result = same
			return in.forgetRepeated(tx, rec, c, same)
		}
		if superseded, err = in.receive(tx, rec, c); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "intake: commit", err)
	}
	if result != c.file {
		in.removeObject(c.file)
		return result, nil
	}
	in.stir()
	in.inline.bytes.Add(int64(len(c.inline)))
	in.live.Forget(c.file.ID)
	for _, f := range superseded {
		in.removeObject(f)
	}
	return result, nil
}

// receive writes the rows of a file that is taken.
func (in *Intake) receive(tx *catalog.Tx, rec *custody.Records, c commitment) (superseded []*catalog.File, err error) {
	f, was := c.file, c.file.State
	account, err := tx.Account(f.Account)
	if err != nil {
		return nil, err
	}
	if err := checkOpen(account); err != nil { // closed since it began
		return nil, err
	}
	action := "file.received"
	switch {
	case c.waits:
		f.State, action = catalog.WaitingRename, "file.waiting-rename"
	case f.Direction == catalog.Out:
		f.State = catalog.Waiting
	default:
		f.State = catalog.Received
	}
	if f.Number, err = tx.NextNumber(); err != nil {
		return nil, err
	}
	if err := writeRow(tx, f, was, c.known, c.fresh); err != nil {
		return nil, err
	}
	if c.inline != nil {
		if err := putInline(tx, f.ID, c.known, c.inline); err != nil {
			return nil, err
		}
	}
	if superseded, err = in.putName(tx, rec, account, c.spec, f, c.modTime); err != nil {
		return nil, err
	}
	if err := tx.Audit(audit.Entry{
		Account: f.Account, Actor: c.spec.actor(), Action: action, Object: f.ID.String(),
		Detail: map[string]string{"source": f.Source},
	}); err != nil {
		return nil, err
	}
	if c.waits {
		return superseded, nil
	}
	return superseded, addIndexJob(tx, f)
}

// writeRow inserts the row, with the grant fetched in this very transaction, or
// saves it. The grant of a row that is there is left as it is: the day may have
// changed, and the grant with it, since the row was read. A row that is not in
// the state any more that it was read in is not written: what was received is
// never received again (R4).
func writeRow(tx *catalog.Tx, f *catalog.File, was catalog.State, known bool, fresh freshKeys) error {
	if known {
		now, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		if now.State != was {
			return fault.New(fault.Exists, "intake: write row", "already received, send it whole")
		}
		f.Grant, f.Lock = now.Grant, now.Lock
		return tx.SaveFile(f)
	}
	if err := fresh.fill(tx, f); err != nil {
		return err
	}
	return tx.InsertFile(f)
}

// putInline stores a small body, none when it is nil, in place of the one that
// may be there.
func putInline(tx *catalog.Tx, id uuid.UUID, there bool, body []byte) error {
	if there {
		if err := tx.DeleteInline(id); err != nil {
			return err
		}
	}
	if body == nil {
		return nil
	}
	return tx.PutInline(id, body)
}

// addIndexJob asks the indexer to take the file on.
func addIndexJob(tx *catalog.Tx, f *catalog.File) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fault.Wrap(fault.Internal, "intake: new id", err)
	}
	return tx.AddJob(&catalog.Job{ID: id, Kind: catalog.IndexJob, Account: f.Account, File: f.ID, RunAt: f.ReceivedAt})
}

// putName points the name in /in to the file. An unfinished arrival of that
// name, which nobody works on, gives way; it is returned so that its object can
// be removed after the commit.
func (in *Intake) putName(tx *catalog.Tx, rec *custody.Records, account *catalog.Account, spec Spec, f *catalog.File, mtime time.Time) ([]*catalog.File, error) {
	if !spec.listed() {
		return nil, nil
	}
	now := in.now()
	if mtime.IsZero() {
		mtime = now
	}
	old, err := inbox.In(tx, rec, spec.Login).Put(spec.Path, f.ID, mtime, now, now.Add(account.InShowFor))
	if err != nil || old == uuid.Nil || old == f.ID {
		return nil, err
	}
	return in.supersede(tx, old)
}

// supersede drops the row of an unfinished arrival whose name is taken by
// another one. Files that were acknowledged stay (R4).
func (in *Intake) supersede(tx *catalog.Tx, id uuid.UUID) ([]*catalog.File, error) {
	old, err := tx.File(id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil || old.State != catalog.Arriving || in.live.Busy(id) {
		return nil, err
	}
	return []*catalog.File{old}, tx.DeleteFile(id)
}

// sameDelivery looks for a file that this one repeats because our
// acknowledgement may never have reached the client (R2).
func (in *Intake) sameDelivery(tx *catalog.Tx, c commitment) (*catalog.File, error) {
	if !c.spec.listed() {
		return nil, nil
	}
	old, err := tx.FileByDelivery(c.file.Account, c.file.Delivery.MAC, in.now().Add(-sameDeliveryFor))
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	switch {
	case old.ID == c.file.ID, old.State == catalog.Arriving, old.State == catalog.Erased:
		return nil, nil // what was erased, or lost, may be sent again
	case c.waits && old.State == catalog.WaitingRename:
		// Its rename did not come, whatever the client knows: it begins again.
		return old, nil
	case old.Delivery.Answered, in.confirmed.Has(old.ID):
		return nil, nil
	}
	return old, nil
}

// forgetRepeated takes the repeated arrival off record; its name goes to the
// file that is there.
func (in *Intake) forgetRepeated(tx *catalog.Tx, rec *custody.Records, c commitment, same *catalog.File) error {
	if c.known {
		if err := tx.DeleteFile(c.file.ID); err != nil {
			return err
		}
	}
	account, err := tx.Account(same.Account)
	if err != nil {
		return err
	}
	if _, err := in.putName(tx, rec, account, c.spec, same, c.modTime); err != nil {
		return err
	}
	return tx.Audit(audit.Entry{
		Account: same.Account, Actor: c.spec.actor(), Action: "file.repeated", Object: same.ID.String(),
		Detail: map[string]string{"source": c.file.Source},
	})
}

// Confirm records that something followed our acknowledgement of these files,
// so that the client has it. It never blocks.
func (in *Intake) Confirm(ids ...uuid.UUID) {
	if len(ids) > 0 {
		in.confirmed.Add(ids...)
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
		return tx.DeleteFile(f.ID)
	})
	if err != nil {
		return err
	}
	in.removeObject(f)
	return nil
}
