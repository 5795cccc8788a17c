package api

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/account"
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
	if access.Of(ctx).Operator && acct.OperatorAccess != catalog.OperatorOn {
		sentence := "the account does not let operators see its contents"
		if acct.OperatorAccess == catalog.OperatorAsked {
			sentence = "the account wants to approve this first, and has not"
		}
		return fault.New(fault.Denied, "api: access", "%s", sentence)
	}
	entry := audit.Entry{Account: acct.ID, Actor: access.Of(ctx).Actor, Action: action}
	if object != uuid.Nil {
		entry.Object = object.String()
	}
	err := a.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Audit(entry) })
	return fault.Wrap(fault.Internal, "api: access", err)
}
