package api

import (
	"context"
	"net/http"
	"net/netip"

	"sealgate/internal/account"
	"sealgate/internal/portal"
)

// ByLogin names a login of an account.
type ByLogin struct {
	ByName
	Username string `path:"username"`
}

func (a *API) logins() {
	register(a, http.MethodGet, "/accounts/{name}/logins", "list-logins", "The logins of an account", a.listLogins)
	register(a, http.MethodPost, "/accounts/{name}/logins", "add-login", "Make a login", a.addLogin)
	register(a, http.MethodGet, "/accounts/{name}/logins/{username}", "get-login", "One login", a.getLogin)
	register(a, http.MethodPatch, "/accounts/{name}/logins/{username}", "set-login", "Change a login", a.setLogin)
	register(a, http.MethodDelete, "/accounts/{name}/logins/{username}", "remove-login", "Remove a login", a.removeLogin)
}

func (a *API) listLogins(ctx context.Context, in *ByName) (*out[[]portal.Login], error) {
	all, err := a.Accounts.Logins(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Login, 0, len(all))
	for _, l := range all {
		list = append(list, loginOf(l))
	}
	return &out[[]portal.Login]{list}, nil
}

func (a *API) addLogin(ctx context.Context, in *struct {
	ByName
	Body portal.NewLogin
},
) (*out[portal.LoginMade], error) {
	n := in.Body
	l, secret, err := a.Accounts.AddLogin(ctx, caller(ctx).Actor, in.Name, account.NewLogin{
		Username: n.Username, Password: []byte(n.Password), SSHKeys: n.SSHKeys, AllowFrom: n.AllowFrom,
		NoSFTP: n.NoSFTP, NoPortal: n.NoPortal, Role: account.Role(n.Role),
	})
	if err != nil {
		return nil, err
	}
	return &out[portal.LoginMade]{portal.LoginMade{Login: loginOf(l), Secret: secret}}, nil
}

func (a *API) getLogin(ctx context.Context, in *ByLogin) (*out[portal.Login], error) {
	l, err := a.Accounts.Login(ctx, in.Name, in.Username)
	if err != nil {
		return nil, err
	}
	return &out[portal.Login]{loginOf(l)}, nil
}

func (a *API) setLogin(ctx context.Context, in *struct {
	ByLogin
	Body portal.LoginChange
},
) (*out[portal.LoginMade], error) {
	c := in.Body
	l, secret, err := a.Accounts.SetLogin(ctx, caller(ctx).Actor, in.Name, in.Username, account.LoginChange{
		Password: []byte(c.Password), NewPassword: c.NewPassword, NoPassword: c.NoPassword,
		AddKeys: c.AddKeys, RemoveKeys: c.RemoveKeys, AllowFrom: c.AllowFrom, SFTP: c.SFTP, Portal: c.Portal, Role: (*account.Role)(c.Role),
	})
	if err != nil {
		return nil, err
	}
	return &out[portal.LoginMade]{portal.LoginMade{Login: loginOf(l), Secret: secret}}, nil
}

func (a *API) removeLogin(ctx context.Context, in *ByLogin) (*none, error) {
	return &none{}, a.Accounts.RemoveLogin(ctx, caller(ctx).Actor, in.Name, in.Username)
}

func loginOf(l *account.Login) portal.Login {
	o := portal.Login{
		ID: l.ID.String(), Password: l.Password, Generated: l.Generated, Keys: []portal.SSHKey{},
		AllowFrom: texts(l.AllowFrom), SFTP: l.SFTP, Portal: l.Portal, Role: string(l.Role), CreatedAt: l.CreatedAt.UTC(), LastSeen: moment(l.LastSeen),
	}
	if !l.Unreadable {
		o.Username = &l.Username
	}
	for _, k := range l.Keys {
		o.Keys = append(o.Keys, portal.SSHKey{Type: k.Type, Fingerprint: k.Fingerprint})
	}
	return o
}

func texts(prefixes []netip.Prefix) []string {
	list := make([]string, 0, len(prefixes))
	for _, p := range prefixes {
		list = append(list, p.String())
	}
	return list
}
