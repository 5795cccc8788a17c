package keyapi

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/reseal"
	"sealgate/internal/store/catalog"
)

// maxStatements is how many statements a list holds: one for each key that was ever
// destroyed, and each file for which one was asked.
const maxStatements = 10000

func (o *office) listStatements(ctx context.Context, in *operation.ByName) (*operation.Out[[]portal.Statement], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	var rows []*catalog.Statement
	err = o.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		rows, err = tx.Statements(acct.ID, maxStatements)
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]portal.Statement, 0, len(rows))
	for _, s := range rows {
		list = append(list, statementOf(s, acct.Name))
	}
	return operation.Answer(list), nil
}

func (o *office) getStatement(ctx context.Context, in *operation.ByID) (*operation.Out[portal.Statement], error) {
	s, err := o.statement(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !s.Signed {
		return nil, fault.New(fault.TryLater, "api: statement", "the act is not finished yet, so that its statement is not signed; the gateway finishes it at its next start")
	}
	acct, err := o.Accounts.AccountByID(ctx, s.Account)
	if err != nil {
		return nil, err
	}
	shown := statementOf(s, acct.Name)
	shown.Text = string(s.Text)
	return operation.Answer(shown), nil
}

func (o *office) statement(ctx context.Context, text string) (*catalog.Statement, error) {
	missing := fault.New(fault.NotFound, "api: statement", "there is no statement %q", text)
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, missing
	}
	var s *catalog.Statement
	err = o.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		s, err = tx.Statement(id)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && !access.Own(ctx, s.Account) {
		return nil, missing
	}
	return s, err
}

func statementOf(s *catalog.Statement, account string) portal.Statement {
	return portal.Statement{ID: s.ID.String(), Account: account, Kind: s.Kind, Object: s.Object, CreatedAt: s.CreatedAt.UTC(), Signed: s.Signed}
}

func (o *office) reseal(ctx context.Context, in *operation.ByName) (*operation.Out[portal.Reseal], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	p, err := o.Resealer.Start(ctx, access.Of(ctx).Actor, acct.ID)
	return resealOf(p, err)
}

func (o *office) resealProgress(ctx context.Context, in *operation.ByName) (*operation.Out[portal.Reseal], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	p, err := o.Resealer.Progress(ctx, acct.ID)
	return resealOf(p, err)
}

func resealOf(p reseal.Progress, err error) (*operation.Out[portal.Reseal], error) {
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.Reseal{
		Running: p.Running, Left: p.Left, LeftBytes: p.LeftBytes, Resealed: p.Resealed,
		Unreachable: p.Unreachable, Damaged: p.Damaged, Unfinished: p.Unfinished, Waiting: p.Waiting, NextTry: portal.Moment(p.NextTry),
	}), nil
}
