package accountapi

import (
	"context"
	"net/http"
	"net/netip"

	"sealgate/internal/account"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

// ByLogin names a login of an account.
type ByLogin struct {
	operation.ByName
	Username string `path:"username"`
}

func (o *office) logins(r *operation.Router) {
	operation.Register(r, http.MethodGet, "/accounts/{name}/logins", "list-logins", "The logins of an account", o.listLogins)
	operation.Register(r, http.MethodPost, "/accounts/{name}/logins", "add-login", "Make a login", o.addLogin)
	operation.Register(r, http.MethodGet, "/accounts/{name}/logins/{username}", "get-login", "One login", o.getLogin)
	operation.Register(r, http.MethodPatch, "/accounts/{name}/logins/{username}", "set-login", "Change a login", o.setLogin)
	operation.Register(r, http.MethodDelete, "/accounts/{name}/logins/{username}", "remove-login", "Remove a login", o.removeLogin)
}

func (o *office) listLogins(ctx context.Context, in *operation.ByName) (*operation.Out[[]portal.Login], error) {
	all, err := o.Accounts.Logins(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Login, 0, len(all))
	for _, l := range all {
		list = append(list, loginOf(l))
	}
	return operation.Answer(list), nil
}

func (o *office) addLogin(ctx context.Context, in *struct {
	operation.ByName
	Body portal.NewLogin
},
) (*operation.Out[portal.LoginMade], error) {
	n := in.Body
	l, secret, err := o.Accounts.AddLogin(ctx, access.Of(ctx).Actor, in.Name, account.NewLogin{
		Username: n.Username, Password: []byte(n.Password), SSHKeys: n.SSHKeys, AllowFrom: n.AllowFrom,
		NoSFTP: n.NoSFTP, NoPortal: n.NoPortal, Role: account.Role(n.Role), Invite: n.Invite,
	})
	if err != nil {
		return nil, err
	}
	made := portal.LoginMade{Login: loginOf(l), Secret: secret}
	if n.Invite {
		link, err := o.Accounts.Invite(ctx, access.Of(ctx).Actor, in.Name, l.Username)
		if err != nil {
			return nil, err
		}
		made.Link = o.hand(ctx, l.Username, link)
		made.Link.Username = l.Username
	}
	return operation.Answer(made), nil
}

func (o *office) getLogin(ctx context.Context, in *ByLogin) (*operation.Out[portal.Login], error) {
	l, err := o.Accounts.Login(ctx, in.Name, in.Username)
	if err != nil {
		return nil, err
	}
	return operation.Answer(loginOf(l)), nil
}

func (o *office) setLogin(ctx context.Context, in *struct {
	ByLogin
	Body portal.LoginChange
},
) (*operation.Out[portal.LoginMade], error) {
	c := in.Body
	l, secret, err := o.Accounts.SetLogin(ctx, access.Of(ctx).Actor, in.Name, in.Username, account.LoginChange{
		Password: []byte(c.Password), NewPassword: c.NewPassword, NoPassword: c.NoPassword,
		AddKeys: c.AddKeys, RemoveKeys: c.RemoveKeys, AllowFrom: c.AllowFrom, SFTP: c.SFTP, Portal: c.Portal, Role: (*account.Role)(c.Role),
	})
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.LoginMade{Login: loginOf(l), Secret: secret}), nil
}

func (o *office) removeLogin(ctx context.Context, in *ByLogin) (*operation.None, error) {
	return &operation.None{}, o.Accounts.RemoveLogin(ctx, access.Of(ctx).Actor, in.Name, in.Username)
}

func loginOf(l *account.Login) portal.Login {
	o := portal.Login{
		ID: l.ID.String(), Password: l.Password, Generated: l.Generated, Codes: l.Factors.Codes, Passkeys: l.Factors.Passkeys, Keys: []portal.SSHKey{},
		AllowFrom: texts(l.AllowFrom), SFTP: l.SFTP, Portal: l.Portal, Role: string(l.Role), CreatedAt: l.CreatedAt.UTC(), LastSeen: portal.Moment(l.LastSeen),
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
