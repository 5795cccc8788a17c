package intake

import (
	"context"
	"errors"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/intake/slots"
)

// errTakenOver ends an arrival whose client came back on another connection
// before we noticed that the first was gone.
var errTakenOver = errors.New("resumed on another connection")

// Resume goes on with the unfinished arrival of this login and path. What
// counts as there is found by reading: the leading whole slots that open (R6).
// fault.NotFound: there is none. fault.Exists: the name belongs to a file that
// was received.
func (in *Intake) Resume(ctx context.Context, spec Spec) (*Arrival, error) {
	if spec.Direction == "" {
		spec.Direction = catalog.In
	}
	if open := in.live.Named(spec.name()); open != nil {
		open.Abort(errTakenOver)
	}
	before, _, err := in.unfinished(ctx, spec)
	if err != nil {
		return nil, err
	}
	if open := in.live.Open(before.ID); open != nil { // begun under the folder's former name
		open.Abort(errTakenOver)
	}
	if !in.live.Claim(before.ID) {
		return nil, fault.New(fault.TryLater, "intake: resume", "this transfer is being resumed on another connection")
	}
	defer in.live.Unclaim(before.ID)
	// It may have ended between the look and the claim.
	f, account, err := in.unfinished(ctx, spec)
	if err != nil {
		return nil, err
	}
	if f.ID != before.ID {
		return nil, fault.New(fault.TryLater, "intake: resume", "another transfer has this name now; try again")
	}
	if f.Body.Kind != catalog.VaultBody {
		return in.beginAgain(ctx, spec)
	}
	a, err := in.reopen(ctx, account, spec, f)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Damaged) {
		// The row was committed and the crash came before the object's header.
		return in.beginAgain(ctx, spec)
	}
	return a, err
}

// beginAgain starts a new file under the name of an arrival of which nothing
// durable is left.
func (in *Intake) beginAgain(ctx context.Context, spec Spec) (*Arrival, error) {
	a, err := in.Begin(ctx, spec)
	if err != nil {
		return nil, err
	}
	a.file.Delivery.Resumed = true
	return a, nil
}

// unfinished finds the row of the unfinished arrival that has the name, in an
// account that still takes files.
func (in *Intake) unfinished(ctx context.Context, spec Spec) (*catalog.File, *catalog.Account, error) {
	const op = "intake: resume"
	rec, err := in.keys.Records(ctx, spec.Account)
	if err != nil {
		return nil, nil, err
	}
	var f *catalog.File
	var account *catalog.Account
	err = in.catalog.View(ctx, func(tx *catalog.Tx) error {
		var err error
		if account, err = tx.Account(spec.Account); err != nil {
			return err
		}
		e, err := inbox.In(tx, rec, spec.Login).Find(spec.Path)
		if err != nil {
			return err
		}
		if e.Dir {
			return fault.New(fault.Invalid, op, "a folder has that name")
		}
		f, err = tx.File(e.File)
		return err
	})
	if err == nil {
		err = in.accepts(ctx, account, spec.Direction)
	}
	if err != nil {
		return nil, nil, err
	}
	if f.State != catalog.Arriving {
		return nil, nil, fault.New(fault.Exists, op, "already received, send it whole")
	}
	if f.Node != in.node {
		return nil, nil, fault.New(fault.TryLater, op, "this transfer was begun on another gateway")
	}
	return f, account, nil
}

// reopen makes an Arrival of an unfinished object.
func (in *Intake) reopen(ctx context.Context, account *catalog.Account, spec Spec, f *catalog.File) (*Arrival, error) {
	obj, err := in.objects.Unfinished(ctx, f)
	if err != nil {
		return nil, err
	}
	body, header, err := in.objects.OpenBody(ctx, f, obj)
	if err != nil {
		obj.Close()
		return nil, err
	}
	row := *f
	row.Delivery.Resumed = true
	a := newArrival(in, spec, &row, body, header, obj)
	a.onRecord, a.resumedObject = true, true
	a.account, a.waits = account, waits(account, spec)
	a.board.Rediscover()
	in.live.Add(a.file.ID, a.spec.name(), a)
	return a, nil
}

// durableLength returns how much of an unfinished arrival a client may count
// on. Once read, it is remembered.
func (in *Intake) durableLength(ctx context.Context, f *catalog.File) int64 {
	if n, ok := in.live.Length(f.ID); ok {
		return n
	}
	if f.Body.Kind != catalog.VaultBody || f.Node != in.node {
		return 0
	}
	n := in.measure(ctx, f)
	in.live.Suspended(f.ID, n)
	return n
}

func (in *Intake) measure(ctx context.Context, f *catalog.File) int64 {
	obj, err := in.vault.Open(ctx, f.Body.Ref)
	if err != nil {
		return 0
	}
	defer obj.Close()
	body, header, err := in.objects.OpenBody(ctx, f, obj)
	if err != nil {
		return 0
	}
	return slots.Measure(obj, len(header), body)
}
