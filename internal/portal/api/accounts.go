package api

import (
	"context"
	"net/http"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/portal"
)

// ByName, ByLogin, ByID and ByEmail are the parts of paths. They are exported because
// only then their fields are filled where they are embedded.
type ByName struct {
	Name string `path:"name"`
}

func (a *API) accounts() {
	register(a, http.MethodGet, "/accounts", "list-accounts", "All accounts, by name", a.listAccounts)
	register(a, http.MethodPost, "/accounts", "add-account", "Make an account with its keys", a.addAccount)
	register(a, http.MethodGet, "/accounts/{name}", "get-account", "One account", a.getAccount)
	register(a, http.MethodPatch, "/accounts/{name}", "set-account", "Change an account's policy", a.setAccount)
	register(a, http.MethodDelete, "/accounts/{name}", "remove-account", "Close an account: no sign-in, nothing accepted; its record stays", a.removeAccount)
}

func (a *API) listAccounts(ctx context.Context, _ *none) (*out[[]portal.Account], error) {
	all, err := a.Accounts.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Account, 0, len(all))
	for _, acct := range all {
		list = append(list, accountOf(acct))
	}
	return &out[[]portal.Account]{list}, nil
}

func (a *API) addAccount(ctx context.Context, in *struct{ Body portal.NewAccount }) (*out[portal.Account], error) {
	var k account.KeyOptions
	if in.Body.Certificate != "" || in.Body.CertificateKey != "" {
		if in.Body.Certificate == "" || in.Body.CertificateKey == "" {
			return nil, fault.New(fault.Invalid, "api: account", "a certificate comes with its key")
		}
		cert, err := keys.ImportCertificate([]byte(in.Body.Certificate), []byte(in.Body.CertificateKey), a.Now())
		if err != nil {
			return nil, err
		}
		k.Certificate = cert
	}
	acct, err := a.Accounts.AddAccount(ctx, caller(ctx).Actor, in.Body.Name, settings(in.Body.AccountChange), k)
	if err != nil {
		return nil, err
	}
	return &out[portal.Account]{accountOf(acct)}, nil
}

func (a *API) getAccount(ctx context.Context, in *ByName) (*out[portal.Account], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &out[portal.Account]{accountOf(acct)}, nil
}

func (a *API) setAccount(ctx context.Context, in *struct {
	ByName
	Body portal.AccountChange
},
) (*out[portal.Account], error) {
	acct, err := a.Accounts.SetAccount(ctx, caller(ctx).Actor, in.Name, change(in.Body))
	if err != nil {
		return nil, err
	}
	return &out[portal.Account]{accountOf(acct)}, nil
}

func (a *API) removeAccount(ctx context.Context, in *struct {
	ByName
	Confirm string `query:"confirm" doc:"the account's name, again"`
},
) (*none, error) {
	if in.Confirm != in.Name {
		return nil, fault.New(fault.Invalid, "api: account", "to remove an account, confirm with its name")
	}
	return &none{}, a.Accounts.RemoveAccount(ctx, caller(ctx).Actor, in.Name)
}

func accountOf(a *account.Account) portal.Account {
	return portal.Account{
		ID: a.ID.String(), Name: a.Name, State: a.State, Content: a.Content, KeepFor: portal.Duration(a.KeepFor),
		Keys: a.Keys, ProtectDatabase: a.ProtectDatabase, OperatorAccess: a.OperatorAccess,
		InShowFor: portal.Duration(a.InShowFor), OutboxKeepFor: portal.Duration(a.OutboxKeepFor), CreatedAt: a.CreatedAt.UTC(),
	}
}

// settings are the defaults with what was asked for.
func settings(c portal.AccountChange) account.Settings {
	s := account.Defaults()
	set(&s.Content, c.Content)
	set(&s.OperatorAccess, c.OperatorAccess)
	setDuration(&s.KeepFor, c.KeepFor)
	setDuration(&s.InShowFor, c.InShowFor)
	setDuration(&s.OutboxKeepFor, c.OutboxKeepFor)
	return s
}

func change(c portal.AccountChange) account.Change {
	return account.Change{
		Content: c.Content, OperatorAccess: c.OperatorAccess,
		KeepFor: (*time.Duration)(c.KeepFor), InShowFor: (*time.Duration)(c.InShowFor), OutboxKeepFor: (*time.Duration)(c.OutboxKeepFor),
	}
}

func set[T any](dst, v *T) {
	if v != nil {
		*dst = *v
	}
}

func setDuration(dst *time.Duration, v *portal.Duration) {
	if v != nil {
		*dst = time.Duration(*v)
	}
}
