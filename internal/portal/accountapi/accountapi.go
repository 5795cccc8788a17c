// Package accountapi holds the operations of the API on accounts and on who may get
// in: logins, operators, tokens, what a person has of his own. The rules are those of package account;
// here requests become calls, and results the shapes of package portal.
//
// What destroys something says first, in one sentence, what is lost, for whom and how
// many files; it is done only when it is confirmed by name.
package accountapi

import (
	"context"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/account/oidc"
	"sealgate/internal/custody"
	"sealgate/internal/notify/letter"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// Services are the parts that the operations speak for.
type Services struct {
	Accounts *account.Service
	SSO      *oidc.Service
	Catalog  *catalog.Catalog
	Custody  *custody.Custodian
	Letters  *letter.Office // nil: links are shown
	Now      func() time.Time
}

// office is the handlers over the services.
type office struct{ Services }

// Register adds the operations.
func Register(r *operation.Router, s Services) {
	o := &office{s}
	o.accounts(r)
	o.logins(r)
	o.operators(r)
	o.people(r)
	o.tokens(r)
	o.singleSignOn(r)
	o.approvals(r)
}

// Known are the accounts that the caller is told of, by name.
func Known(ctx context.Context, accounts *account.Service) ([]*account.Account, error) {
	if c := access.Of(ctx); !c.Operator {
		acct, err := accounts.AccountByID(ctx, c.Account)
		if err != nil {
			return nil, err
		}
		return []*account.Account{acct}, nil
	}
	return accounts.Accounts(ctx)
}
