package api

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/reseal"
	"sealgate/internal/store/catalog"
)

// maxStatements is how many statements a list holds: one for each key that was ever
// destroyed, and each file for which one was asked.
const maxStatements = 10000

func (a *API) listStatements(ctx context.Context, in *ByName) (*out[[]portal.Statement], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	var rows []*catalog.Statement
	err = a.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		rows, err = tx.Statements(acct.ID, maxStatements)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]portal.Statement, 0, len(rows))
	for _, s := range rows {
		list = append(list, statementOf(s))
	}
	return &out[[]portal.Statement]{list}, nil
}

func (a *API) getStatement(ctx context.Context, in *ByID) (*out[portal.Statement], error) {
	s, err := a.statement(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !s.Signed {
		return nil, fault.New(fault.TryLater, "api: statement", "the act is not finished yet, so that its statement is not signed; the gateway finishes it at its next start")
	}
	o := statementOf(s)
	o.Text = string(s.Text)
	return &out[portal.Statement]{o}, nil
}

func (a *API) statement(ctx context.Context, text string) (*catalog.Statement, error) {
	missing := fault.New(fault.NotFound, "api: statement", "there is no statement %q", text)
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, missing
	}
	var s *catalog.Statement
	err = a.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		s, err = tx.Statement(id)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && !own(ctx, s.Account) {
		return nil, missing
	}
	return s, err
}

func statementOf(s *catalog.Statement) portal.Statement {
	return portal.Statement{ID: s.ID.String(), Kind: s.Kind, Object: s.Object, CreatedAt: s.CreatedAt.UTC(), Signed: s.Signed}
}

// getReceipt gives the receipt of a file. It says what the index says, so that the
// account must let operators see that.
func (a *API) getReceipt(ctx context.Context, in *ByID) (*out[portal.Receipt], error) {
	f, err := a.file(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	acct, err := a.Accounts.AccountByID(ctx, f.Account)
	if err != nil {
		return nil, err
	}
	if err := a.allow(ctx, acct, "receipt.read", f.ID); err != nil {
		return nil, err
	}
	note, err := a.Receipts.Receipt(ctx, f.ID)
	if err != nil {
		return nil, err
	}
	return &out[portal.Receipt]{portal.Receipt{Text: string(note)}}, nil
}

func (a *API) reseal(ctx context.Context, in *ByName) (*out[portal.Reseal], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	p, err := a.Resealer.Start(ctx, caller(ctx).Actor, acct.ID)
	return resealOf(p, err)
}

func (a *API) resealProgress(ctx context.Context, in *ByName) (*out[portal.Reseal], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	p, err := a.Resealer.Progress(ctx, acct.ID)
	return resealOf(p, err)
}

func resealOf(p reseal.Progress, err error) (*out[portal.Reseal], error) {
	if err != nil {
		return nil, err
	}
	return &out[portal.Reseal]{portal.Reseal{
		Running: p.Running, Left: p.Left, LeftBytes: p.LeftBytes, Resealed: p.Resealed,
		Unreachable: p.Unreachable, Damaged: p.Damaged, Unfinished: p.Unfinished, Waiting: p.Waiting, NextTry: moment(p.NextTry),
	}}, nil
}
