package connectd

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"sealgate/internal/account/agents"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// account tells an agent whom it sends for.
func (d *Door) account(c *call, _ *connect.Nothing, _ []byte) (*connect.Account, error) {
	return d.accountOf(c.Context(), c.agent)
}

func (d *Door) accountOf(ctx context.Context, a *agents.Agent) (*connect.Account, error) {
	row, err := d.row(ctx, a.Account)
	if err != nil {
		return nil, err
	}
	told := &connect.Account{
		ID: row.ID, Name: row.Name, Agent: a.Name, Content: connect.ContentDelete, Certificates: [][]byte{}, AccessKeys: [][]byte{}, May: a.May,
	}
	if row.Content == catalog.ContentKeep {
		told.Content = connect.ContentKeep
		lock, err := d.Custody.CurrentLock(ctx, row.ID)
		if err != nil {
			return nil, err
		}
		certificates, accessKeys := lock.For()
		for _, cert := range certificates {
			told.Certificates = append(told.Certificates, cert.Raw)
		}
		for _, key := range accessKeys {
			told.AccessKeys = append(told.AccessKeys, key.Bytes())
		}
	}
	told.Lock = told.LockVersion()
	return told, nil
}

func (d *Door) row(ctx context.Context, account uuid.UUID) (row *catalog.Account, err error) {
	err = d.Catalog.View(ctx, func(tx *catalog.Tx) error {
		row, err = tx.Account(account)
		return err
	})
	return row, fault.Wrap(fault.Internal, "connectd: account", err)
}

// heartbeat hears how an agent is, and tells what has changed. One that beats all the
// time is told so, and not listened to each time.
func (d *Door) heartbeat(c *call, h *connect.Heartbeat, _ []byte) (*connect.Pulse, error) {
	ctx := c.Context()
	if d.beats.Take(c.agent.ID.String()) == 0 {
		if err := d.Agents.Heard(ctx, c.agent, *h); err != nil {
			return nil, err
		}
	}
	p := &connect.Pulse{Time: d.Now().UTC()}
	// An account that cannot be sealed for has no lock: the agent hears why when it
	// asks for its account, and goes on reporting.
	if a, err := d.accountOf(ctx, c.agent); err == nil {
		p.Lock = a.Lock
	} else if !fault.Is(err, fault.Locked) {
		return nil, err
	}
	err := d.Catalog.View(ctx, func(tx *catalog.Tx) error {
		files, err := tx.Files(catalog.FileFilter{Account: c.agent.Account, State: catalog.Waiting, Direction: catalog.Out, Limit: connect.MaxNames})
		p.Outbox = int64(len(files))
		return err
	})
	return p, fault.Wrap(fault.Internal, "connectd: heartbeat", err)
}

// known tells which files of an agent the gateway has lost.
func (d *Door) known(c *call, asked *connect.Files, _ []byte) (*connect.Unknown, error) {
	if len(asked.Files) > connect.MaxNames {
		return nil, connect.Refuse(connect.TooLarge, "A list has at most 1000 files.")
	}
	lost, err := d.Agents.Lost(c.Context(), c.agent, asked.Files)
	if lost == nil {
		lost = []uuid.UUID{}
	}
	return &connect.Unknown{Unknown: lost}, err
}

// refusals are what account/agents answers with, as agents are told.
var refusals = map[error]connect.Reason{
	agents.ErrUnknown:     connect.UnknownAgent,
	agents.ErrRevoked:     connect.Revoked,
	agents.ErrClosed:      connect.AccountClosed,
	agents.ErrInvalidCode: connect.InvalidCode,
	agents.ErrCodeExpired: connect.CodeExpired,
	agents.ErrCodeUsed:    connect.CodeUsed,
}

func refusal(err error) (*connect.Problem, bool) {
	for known, reason := range refusals {
		if errors.Is(err, known) {
			return connect.Refuse(reason, ""), true
		}
	}
	return nil, false
}
