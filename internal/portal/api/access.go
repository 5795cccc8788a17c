package api

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/account/approval"
	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
)

// allow decides whether the caller may see what an account's files say, and records
// the use before it happens. The account's own people may, as far as their role
// goes; who runs the gateway may when the account lets him. When the record cannot
// be written there is no use.
func (a *API) allow(ctx context.Context, acct *account.Account, action string, object uuid.UUID) error {
	if !access.Own(ctx, acct.ID) {
		return fault.New(fault.NotFound, "api: account", "there is no such account")
	}
	entry := audit.Entry{Account: acct.ID, Actor: access.Of(ctx).Actor, Action: action}
	if object != uuid.Nil {
		entry.Object = object.String()
	}
	err := a.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		leave, err := a.leave(ctx, tx, acct)
		if err != nil {
			return err
		}
		if leave != uuid.Nil {
			entry.Detail = map[string]string{"approval": leave.String()}
		}
		return tx.Audit(entry)
	})
	return fault.Wrap(fault.Internal, "api: access", err)
}

// leave decides whether the caller may see an account's contents now. What an operator
// needed an approval for (operator-access: asked) comes with its id.
func (a *API) leave(ctx context.Context, tx *catalog.Tx, acct *account.Account) (uuid.UUID, error) {
	const op = "api: access"
	if !access.Of(ctx).Operator || acct.OperatorAccess == catalog.OperatorOn {
		return uuid.Nil, nil
	}
	if acct.OperatorAccess != catalog.OperatorAsked {
		return uuid.Nil, fault.New(fault.Denied, op, "the account does not let operators see its contents")
	}
	running, err := approval.Running(tx, acct.ID, a.Now())
	if err != nil {
		return uuid.Nil, err
	}
	if running == nil {
		return uuid.Nil, fault.New(fault.Denied, op, "the account wants to approve this first, and has not")
	}
	return running.ID, nil
}
