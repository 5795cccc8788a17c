// Package remotes is customers' own servers, as the catalog keeps them: what is due,
// who runs it, what was seen and taken there, and how the runs went.
//
// What a remote is set to and every name and path come sealed or as MACs under the
// account's duplicate key. Only one holder at a time runs a remote: it has a lease,
// and each lease a higher fence. Whoever writes for a run says under which fence in
// the same transaction (HoldsRemote), so that a holder who was given up writes
// nothing any more.
package remotes

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Servers are these tables, within a transaction of the catalog.
type Servers struct{ tx *engine.Tx }

// In returns the tables as tx sees and changes them.
func In(tx *engine.Tx) Servers { return Servers{tx} }

// Directions and states of remotes.
const (
	Pull = "pull"
	Push = "push"

	On  = "on"
	Off = "off"
)

// Remote is a customer's own server.
type Remote struct {
	ID        uuid.UUID
	Account   uuid.UUID
	Name      string // unique in its account
	Direction string // Pull or Push
	Settings  []byte // sealed
	State     string // On or Off
	// ByOperator: where it leads was said by who runs the gateway.
	ByOperator bool
	CreatedAt  time.Time
	ChangedAt  time.Time
	NextRun    time.Time // not before; zero = by hand only
	Planned    time.Time // for when the newest run was planned that the schedule asked for; zero = none yet
	Lease      Lease
	Health     Health
}

// Lease says who runs a remote.
type Lease struct {
	Holder string // empty = nobody
	Fence  int64  // grows with every lease
	Until  time.Time
}

// Health is how the last runs went.
type Health struct {
	LastRun      time.Time // ended
	LastOK       time.Time
	LastFile     time.Time // a file was taken or delivered
	FailingSince time.Time // zero = the last run went well
	Failures     int64     // in a row
	Error        string    // a code word about the last run; empty = it went well
}

const selectRemote = `SELECT id, account, name, direction, settings, state, by_operator, created_at, changed_at, next_run, planned_at, holder, fence, lease_until,
	last_run, last_ok, last_file, failing_since, failures, error FROM remote `

func readRemote(s engine.Scan) (*Remote, error) {
	r := new(Remote)
	err := s((*column.ID)(&r.ID), (*column.ID)(&r.Account), &r.Name, &r.Direction, &r.Settings, &r.State, (*column.Bool)(&r.ByOperator),
		(*column.Time)(&r.CreatedAt), (*column.Time)(&r.ChangedAt), (*column.Time)(&r.NextRun), (*column.Time)(&r.Planned),
		&r.Lease.Holder, &r.Lease.Fence, (*column.Time)(&r.Lease.Until),
		(*column.Time)(&r.Health.LastRun), (*column.Time)(&r.Health.LastOK), (*column.Time)(&r.Health.LastFile),
		(*column.Time)(&r.Health.FailingSince), &r.Health.Failures, &r.Health.Error)
	return r, err
}

// InsertRemote adds a remote that nobody runs. A name that the account has already
// is fault.Exists.
func (in Servers) InsertRemote(r *Remote) error {
	_, err := in.tx.Exec("catalog: insert remote",
		`INSERT INTO remote (id, account, name, direction, settings, state, by_operator, created_at, changed_at, next_run, planned_at, holder, fence, lease_until,
		last_run, last_ok, last_file, failing_since, failures, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', 0, 0, 0, 0, 0, 0, 0, '')`,
		column.ID(r.ID), column.ID(r.Account), r.Name, r.Direction, r.Settings, r.State, column.Bool(r.ByOperator),
		column.Time(r.CreatedAt), column.Time(r.ChangedAt), column.Time(r.NextRun), column.Time(r.Planned))
	return err
}

// SaveRemote writes Settings, State, ByOperator, ChangedAt, NextRun and Planned.
func (in Servers) SaveRemote(r *Remote) error {
	return in.tx.ExecOne("catalog: save remote",
		`UPDATE remote SET settings = ?, state = ?, by_operator = ?, changed_at = ?, next_run = ?, planned_at = ? WHERE id = ?`,
		r.Settings, r.State, column.Bool(r.ByOperator), column.Time(r.ChangedAt), column.Time(r.NextRun), column.Time(r.Planned), column.ID(r.ID))
}

// DeleteRemote removes a remote with all that is known of it.
func (in Servers) DeleteRemote(id uuid.UUID) error {
	return in.tx.ExecOne("catalog: delete remote", `DELETE FROM remote WHERE id = ?`, column.ID(id))
}

// DeleteRemotes removes an account's remotes: it is closed.
func (in Servers) DeleteRemotes(account uuid.UUID) error {
	_, err := in.tx.Exec("catalog: delete remotes", `DELETE FROM remote WHERE account = ?`, column.ID(account))
	return err
}

// Remote returns a remote.
func (in Servers) Remote(id uuid.UUID) (*Remote, error) {
	return engine.One(in.tx, "catalog: remote", readRemote, selectRemote+`WHERE id = ?`, column.ID(id))
}

// RemoteByName returns the account's remote of this name.
func (in Servers) RemoteByName(account uuid.UUID, name string) (*Remote, error) {
	return engine.One(in.tx, "catalog: remote by name", readRemote, selectRemote+`WHERE account = ? AND name = ?`, column.ID(account), name)
}

// Remotes returns an account's remotes by name.
func (in Servers) Remotes(account uuid.UUID) ([]*Remote, error) {
	return engine.List(in.tx, "catalog: remotes", readRemote, selectRemote+`WHERE account = ? ORDER BY name`, column.ID(account))
}

// AllRemotes returns the remotes of all accounts, in no order.
func (in Servers) AllRemotes() ([]*Remote, error) {
	return engine.List(in.tx, "catalog: remotes", readRemote, selectRemote)
}

// DueRemotes returns up to limit remotes that are on, due and run by nobody, the
// longest due first.
func (in Servers) DueRemotes(now time.Time, limit int) ([]*Remote, error) {
	return engine.List(in.tx, "catalog: due remotes", readRemote,
		selectRemote+`WHERE state = 'on' AND next_run > 0 AND next_run <= ? AND lease_until <= ? ORDER BY next_run, id LIMIT ?`,
		column.Time(now), column.Time(now), int64(limit))
}

// NextRemoteRun returns when the next remote that is on and run by nobody is due;
// zero = none is.
func (in Servers) NextRemoteRun(now time.Time) (time.Time, error) {
	return engine.One(in.tx, "catalog: next remote run", func(s engine.Scan) (at time.Time, err error) {
		err = s((*column.Time)(&at))
		return at, err
	}, `SELECT COALESCE(MIN(next_run), 0) FROM remote WHERE state = 'on' AND next_run > 0 AND lease_until <= ?`, column.Time(now))
}

// LeaseRemote gives a remote that nobody runs to holder and returns it under its new
// fence; a run of before that never ended was cut. fault.Exists: somebody runs it.
func (in Servers) LeaseRemote(id uuid.UUID, holder string, now, until time.Time) (*Remote, error) {
	const op = "catalog: lease remote"
	n, err := in.tx.Exec(op, `UPDATE remote SET holder = ?, fence = fence + 1, lease_until = ? WHERE id = ? AND lease_until <= ?`,
		holder, column.Time(until), column.ID(id), column.Time(now))
	if err != nil {
		return nil, err
	}
	r, err := in.Remote(id)
	if err == nil && n == 0 {
		return nil, fault.New(fault.Exists, op, "the remote is being run")
	}
	if err == nil { // whoever had it before is gone, and did not say how it went
		_, err = in.tx.Exec(op, `UPDATE remote_run SET ended_at = ?, outcome = 'cut' WHERE remote = ? AND ended_at = 0`, column.Time(now), column.ID(id))
	}
	return r, err
}

// HoldsRemote fails with fault.Exists unless the lease with this fence is the remote's
// newest and was not given back. Whether its time is over does not matter as long as
// nobody else took it.
func (in Servers) HoldsRemote(id uuid.UUID, fence int64) error {
	const op = "catalog: holds remote"
	n, err := engine.One(in.tx, op, engine.Value[int64],
		`SELECT COUNT(*) FROM remote WHERE id = ? AND fence = ? AND holder <> ''`, column.ID(id), fence)
	if err == nil && n == 0 {
		err = fault.New(fault.Exists, op, "this run was given up: another one has the remote")
	}
	return err
}

// ExtendRemote lets a lease last longer; it fails as HoldsRemote does.
func (in Servers) ExtendRemote(id uuid.UUID, fence int64, until time.Time) error {
	if err := in.HoldsRemote(id, fence); err != nil {
		return err
	}
	return in.tx.ExecOne("catalog: extend remote", `UPDATE remote SET lease_until = ? WHERE id = ?`, column.Time(until), column.ID(id))
}

// ReleaseRemote gives a lease back and writes how the run went, and when the next is
// due and the last was planned; it fails as HoldsRemote does.
func (in Servers) ReleaseRemote(id uuid.UUID, fence int64, h Health, planned, next time.Time) error {
	if err := in.HoldsRemote(id, fence); err != nil {
		return err
	}
	return in.tx.ExecOne("catalog: release remote",
		`UPDATE remote SET holder = '', lease_until = 0, last_run = ?, last_ok = ?, last_file = ?, failing_since = ?, failures = ?, error = ?,
		next_run = ?, planned_at = ? WHERE id = ?`,
		column.Time(h.LastRun), column.Time(h.LastOK), column.Time(h.LastFile), column.Time(h.FailingSince), h.Failures, h.Error,
		column.Time(next), column.Time(planned), column.ID(id))
}

// EndRemoteRun takes a remote from whoever runs it: it was changed. What it still
// writes fails as HoldsRemote does.
func (in Servers) EndRemoteRun(id uuid.UUID) error {
	return in.tx.ExecOne("catalog: end remote run", `UPDATE remote SET holder = '', lease_until = 0, fence = fence + 1 WHERE id = ?`, column.ID(id))
}

// FreeRemotes gives back the leases of a holder that begins anew, and ends its runs
// as cut.
func (in Servers) FreeRemotes(holder string, at time.Time) error {
	const op = "catalog: free remotes"
	if _, err := in.tx.Exec(op,
		`UPDATE remote_run SET ended_at = ?, outcome = 'cut' WHERE ended_at = 0 AND remote IN (SELECT id FROM remote WHERE holder = ?)`,
		column.Time(at), holder); err != nil {
		return err
	}
	_, err := in.tx.Exec(op, `UPDATE remote SET holder = '', lease_until = 0 WHERE holder = ?`, holder)
	return err
}
