package catalog

import (
	"sealgate/internal/store/catalog/agents"
	"sealgate/internal/store/catalog/approvals"
	"sealgate/internal/store/catalog/engine"
	"sealgate/internal/store/catalog/figures"
	"sealgate/internal/store/catalog/logins"
	"sealgate/internal/store/catalog/notices"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/store/catalog/requests"
	"sealgate/internal/store/catalog/trail"
)

// Tx is a transaction: the argument of the function given to Update or View,
// good until that function returns, and only in its goroutine.
type Tx struct {
	logins.Tables
	trail.Log
	notices.Notices
	figures.Figures
	requests.Requests
	remotes.Servers
	agents.Agents
	approvals.Approvals
	c       *Catalog
	t       *engine.Tx
	newJobs int // jobs that became ready; told to workers after the commit
}

func (c *Catalog) tx(t *engine.Tx) *Tx {
	return &Tx{Tables: logins.In(t), Log: trail.In(t, c.now), Notices: notices.In(t), Figures: figures.In(t), Requests: requests.In(t), Servers: remotes.In(t), Agents: agents.In(t), Approvals: approvals.In(t), c: c, t: t}
}

// The tables' files speak to the engine through these.

type scan = engine.Scan

func (tx *Tx) exec(op, query string, args ...any) (int64, error) {
	return tx.t.Exec(op, query, args...)
}

func (tx *Tx) execOne(op, query string, args ...any) error {
	return tx.t.ExecOne(op, query, args...)
}

func one[T any](tx *Tx, op string, read func(scan) (T, error), query string, args ...any) (T, error) {
	return engine.One(tx.t, op, read, query, args...)
}

func list[T any](tx *Tx, op string, read func(scan) (T, error), query string, args ...any) ([]T, error) {
	return engine.List(tx.t, op, read, query, args...)
}
