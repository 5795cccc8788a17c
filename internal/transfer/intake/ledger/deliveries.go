package ledger

import (
	"time"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

const sameDeliveryFor = 7 * 24 * time.Hour // R2

// fetched reports whether we went for the file ourselves: it has a delivery id, and
// no name in a login's /in.
func (a Arrival) fetched() bool { return a.Path.IsRoot() && a.File.Delivery.MAC != nil }

// Repeats looks for a file that this one repeats because our
// acknowledgement may never have reached the client (R2).
func (l *Ledger) Repeats(tx *catalog.Tx, a Arrival) (*catalog.File, error) {
	if a.File.Delivery.MAC == nil {
		return nil, nil
	}
	var since time.Time // a door that fetches may come for the same at any time
	if !a.fetched() {
		since = l.now().Add(-sameDeliveryFor)
	}
	old, err := tx.FileByDelivery(a.File.Account, a.File.Delivery.MAC, since)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	switch {
	case old.ID == a.File.ID, old.State == catalog.Arriving, old.State == catalog.Erased:
		return nil, nil // what was erased, or lost, may be sent again
	case a.fetched():
		return old, nil // whoever fetches needs no acknowledgement
	case a.Waits && old.State == catalog.WaitingRename:
		// Its rename did not come, whatever the client knows: it begins again.
		return old, nil
	case old.Delivery.Answered, l.confirmed.has(old.ID):
		return nil, nil
	}
	return old, nil
}

// ForgetRepeated takes the repeated arrival off record; its name goes to the
// file that is there.
func (l *Ledger) ForgetRepeated(tx *catalog.Tx, rec *custody.Records, a Arrival, same *catalog.File) error {
	if a.Known {
		if err := tx.DeleteFile(a.File.ID); err != nil {
			return err
		}
	}
	account, err := tx.Account(same.Account)
	if err != nil {
		return err
	}
	named := a
	named.File = same
	if _, err := l.PutName(tx, rec, account, named); err != nil {
		return err
	}
	return tx.Audit(audit.Entry{
		Account: same.Account, Actor: a.Actor, Action: "file.repeated", Object: same.ID.String(),
		Detail: map[string]string{"source": a.File.Source},
	})
}
