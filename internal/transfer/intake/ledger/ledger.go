// Package ledger is what the catalog says of arrivals: it puts a file on record,
// with its grant, its body when that is small, its name in /in, the audit entry and
// the index job, and knows which delivery was taken before.
//
// All but the housekeeping happens in a transaction of the caller. What was
// received is never received again, and never dropped (R4); a delivery is repeated
// (R2) when our acknowledgement may never have reached the client.
package ledger

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/vpath"
)

// Ledger is the arrivals on record in a catalog. It is safe for concurrent use.
type Ledger struct {
	catalog   *catalog.Catalog
	now       func() time.Time
	busy      func(uuid.UUID) bool
	confirmed *confirmations
}

// New returns the ledger in a catalog. busy reports whether somebody works on an
// unfinished arrival in this process.
func New(cat *catalog.Catalog, now func() time.Time, busy func(uuid.UUID) bool) *Ledger {
	return &Ledger{catalog: cat, now: now, busy: busy, confirmed: newConfirmations()}
}

// Arrival is what is put on record of one file, in one transaction.
type Arrival struct {
	File    *catalog.File
	Known   bool           // the file has a row already
	Fresh   *custody.Fresh // the keys of a file that has none yet
	Inline  []byte         // its body, when it lies in the catalog
	ModTime time.Time
	Waits   bool // for its rename
	Login   uuid.UUID
	Path    vpath.Path // its name in the login's /in; the root when it gets none there
	Actor   string     // for the audit
}

// Receive writes the rows of a file that is taken.
func (l *Ledger) Receive(tx *catalog.Tx, rec *custody.Records, a Arrival) (superseded []*catalog.File, err error) {
	f, was := a.File, a.File.State
	account, err := tx.Account(f.Account)
	if err != nil {
		return nil, err
	}
	if err := CheckOpen(account); err != nil { // closed since it began
		return nil, err
	}
	action := "file.received"
	switch {
	case a.Waits:
		f.State, action = catalog.WaitingRename, "file.waiting-rename"
	case f.Direction == catalog.Out:
		f.State = catalog.Waiting
	default:
		f.State = catalog.Received
	}
	if f.Number, err = tx.NextNumber(); err != nil {
		return nil, err
	}
	if err := WriteRow(tx, f, was, a.Known, a.Fresh); err != nil {
		return nil, err
	}
	if a.Inline != nil {
		if err := PutInline(tx, f.ID, a.Known, a.Inline); err != nil {
			return nil, err
		}
	}
	if superseded, err = l.PutName(tx, rec, account, a); err != nil {
		return nil, err
	}
	if err := tx.Audit(audit.Entry{
		Account: f.Account, Actor: a.Actor, Action: action, Object: f.ID.String(),
		Detail: map[string]string{"source": f.Source},
	}); err != nil {
		return nil, err
	}
	if a.Waits {
		return superseded, nil
	}
	return superseded, AddIndexJob(tx, f)
}

// WriteRow inserts the row, with the grant fetched in this very transaction, or
// saves it. The grant of a row that is there is left as it is: the day may have
// changed, and the grant with it, since the row was read. A row that is not in
// the state any more that it was read in is not written: what was received is
// never received again (R4).
func WriteRow(tx *catalog.Tx, f *catalog.File, was catalog.State, known bool, fresh *custody.Fresh) error {
	if known {
		now, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		if now.State != was {
			return fault.New(fault.Exists, "ledger: write row", "already received, send it whole")
		}
		f.Grant, f.Lock = now.Grant, now.Lock
		return tx.SaveFile(f)
	}
	var err error
	if f.Grant, err = fresh.Grant(); err != nil {
		return err
	}
	if f.Lock, err = fresh.LockID(tx); err != nil {
		return err
	}
	return tx.InsertFile(f)
}

// PutInline stores a small body, none when it is nil, in place of the one that
// may be there.
func PutInline(tx *catalog.Tx, id uuid.UUID, there bool, body []byte) error {
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

// AddIndexJob asks the indexer to take the file on.
func AddIndexJob(tx *catalog.Tx, f *catalog.File) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fault.Wrap(fault.Internal, "ledger: new id", err)
	}
	return tx.AddJob(&catalog.Job{ID: id, Kind: catalog.IndexJob, Account: f.Account, File: f.ID, RunAt: f.ReceivedAt})
}

// PutName points the name in /in to the file. An unfinished arrival of that
// name, which nobody works on, gives way; it is returned so that its object can
// be removed after the commit.
func (l *Ledger) PutName(tx *catalog.Tx, rec *custody.Records, account *catalog.Account, a Arrival) ([]*catalog.File, error) {
	if a.Path.IsRoot() {
		return nil, nil
	}
	now, mtime := l.now(), a.ModTime
	if mtime.IsZero() {
		mtime = now
	}
	old, err := inbox.In(tx, rec, a.Login).Put(a.Path, a.File.ID, mtime, now, now.Add(account.InShowFor))
	if err != nil || old == uuid.Nil || old == a.File.ID {
		return nil, err
	}
	return l.Supersede(tx, old)
}

// Supersede drops the row of an unfinished arrival whose name is taken by
// another one. Files that were acknowledged stay (R4).
func (l *Ledger) Supersede(tx *catalog.Tx, id uuid.UUID) ([]*catalog.File, error) {
	old, err := tx.File(id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil || old.State != catalog.Arriving || l.busy(id) {
		return nil, err
	}
	return []*catalog.File{old}, tx.DeleteFile(id)
}

// CheckOpen returns why a closed account takes no files.
func CheckOpen(a *catalog.Account) error {
	if a.State != catalog.AccountOpen {
		return fault.New(fault.Locked, "ledger: accept", "the account is closed: nothing is accepted")
	}
	return nil
}
