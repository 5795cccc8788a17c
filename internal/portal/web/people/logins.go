package people

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// loginPage is one login, or all of an account.
type loginPage struct {
	Logins []portal.Login
	Login  portal.Login
	Name   string
	Form   *ui.Form // what was wrong with what was done here
	Own    bool     // it is the one that looks
}

func logins(v *desk.Visit) error {
	var page loginPage
	if err := v.Get(v.Of("logins"), nil, &page.Logins); err != nil {
		return err
	}
	return v.Show("logins", "logins", v.L.T("nav.logins"), page)
}

func crumbs(v *desk.Visit, name string) []ui.Crumb {
	list := []ui.Crumb{{Label: v.L.T("nav.logins"), Href: v.At("logins")}}
	if name != "" {
		list = append(list, ui.Crumb{Label: name, Href: at(v, name)})
	}
	return list
}

// at is the address of a login, which has a step of its own before the name: a name
// may be "new".
func at(v *desk.Visit, name string, parts ...string) string {
	return v.At(append([]string{"logins", "of", name}, parts...)...)
}

// theLogin reads the login of the address.
func theLogin(v *desk.Visit) (l portal.Login, name string, err error) {
	name = v.R.PathValue("login")
	err = v.Get(v.Of("logins", name), nil, &l)
	if err == nil && l.Username != nil {
		name = *l.Username // as it was written when it was made
	}
	return l, name, err
}

func login(v *desk.Visit) error {
	l, name, err := theLogin(v)
	if err != nil {
		return err
	}
	return v.Show("login", "logins", name, loginPage{Login: l, Name: name, Own: l.ID == v.Person.Login.String()}, crumbs(v, "")...)
}

// loginFields are those of a new login that may stand in an address.
var loginFields = []string{"username", "role", "sftp", "portal", "how", "ssh_keys", "allow_from"}

// The ways in which a login gets what it signs in with.
const (
	made   = "made"   // a password that the gateway makes
	invite = "invite" // a link, to choose one
	own    = "own"    // a password that is typed here
	byKey  = "key"    // none: SSH keys
	none   = "none"
)

func askLogin(v *desk.Visit) error {
	if err := provedAndManaged(v); err != nil {
		return err
	}
	form := v.Typed(loginFields...)
	if len(form.Values) == 0 {
		form.Values = url.Values{"role": {"uploader"}, "how": {made}, "sftp": {"yes"}, "portal": {"yes"}}
	}
	return showNewLogin(v, form)
}

func showNewLogin(v *desk.Visit, form *ui.Form) error {
	return v.ShowAs(form.Status(), "login-new", "logins", v.L.T("login.new"), formPage{
		Form: form, Action: v.At("logins", "new"), Cancel: v.At("logins"),
		Roles: v.Options("role", desk.Roles...), Ways: v.Options("login.how", made, invite, own, byKey),
	}, crumbs(v, "")...)
}

func addLogin(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	typed := v.R.PostForm
	form := public(typed, loginFields)
	v.Next = desk.Address(v.At("logins", "new"), form.Values)
	in := portal.NewLogin{
		Username: strings.TrimSpace(typed.Get("username")), Role: typed.Get("role"), NoSFTP: typed.Get("sftp") == "", NoPortal: typed.Get("portal") == "",
		SSHKeys: desk.Lines(typed.Get("ssh_keys")), AllowFrom: split(typed.Get("allow_from")),
	}
	v.Required(form, "username")
	checkDoors(v, form)
	checkNetworks(v, form, in.AllowFrom)
	checkKeys(v, form, in.SSHKeys)
	switch how := typed.Get("how"); {
	case !slices.Contains([]string{made, invite, own, byKey}, how):
		form.Fail("how", v.L.T("form.required"))
	case how == invite && in.NoPortal:
		form.Fail("how", v.L.T("login.how.needs-portal"))
	case how == byKey && len(in.SSHKeys) == 0:
		form.Fail("ssh_keys", v.L.T("form.required"))
	case how == own && typed.Get("password") == "":
		form.Fail("password", v.L.T("form.required"))
	case how == own:
		in.Password = typed.Get("password")
	default:
		in.Invite = how == invite
	}
	if !form.OK() {
		return showNewLogin(v, form)
	}
	var out portal.LoginMade
	err := v.Post(v.Of("logins"), in, &out)
	if err != nil {
		if err := v.Explain(form, err, refusals); err != nil {
			return err
		}
		return showNewLogin(v, form)
	}
	if typed.Get("how") == made && out.Secret == "" { // beside a key, a password is made when it is asked for
		if err := v.Patch(v.Of("logins", in.Username), portal.LoginChange{NewPassword: true}, &out); err != nil {
			return err
		}
	}
	if out.Link != nil {
		return showLink(v, v.L.T("login.invited", "name", in.Username), out.Link, at(v, in.Username), crumbs(v, "")...)
	}
	if out.Secret == "" {
		return v.Done(at(v, in.Username), "login-added")
	}
	return showPassword(v, in.Username, out.Secret, crumbs(v, "")...)
}

func showPassword(v *desk.Visit, name, secret string, crumbs ...ui.Crumb) error {
	return v.Show("once", "logins", v.L.T("login.password.made"), shownOnce{
		Title: v.L.T("login.password.made"), Text: v.L.T("login.password.made.text", "name", name), Back: at(v, name),
		Secret: ui.Secret{Label: v.L.T("login.password.for", "name", name), Value: secret, Help: v.L.T("once.help")},
	}, crumbs...)
}

func showLink(v *desk.Visit, title string, link *portal.Link, back string, crumbs ...ui.Crumb) error {
	if link.Mailed {
		return v.Done(back, "link-mailed")
	}
	section := "logins"
	if v.Account == "" {
		section = "operators"
	}
	return v.Show("once", section, title, shownOnce{
		Title: title, Text: v.L.T("link.text"), Back: back, Until: link,
		Secret: ui.Secret{Label: v.L.T("link.label"), Value: address(v, link), Help: v.L.T("once.help")},
	}, crumbs...)
}

func checkDoors(v *desk.Visit, form *ui.Form) {
	if form.Values.Get("sftp") == "" && form.Values.Get("portal") == "" {
		form.Fail("sftp", v.L.T("login.doors.none"))
	}
	if !slices.Contains(desk.Roles, form.Values.Get("role")) {
		form.Fail("role", v.L.T("form.required"))
	}
}

// checkNetworks says of the first that is none.
func checkNetworks(v *desk.Visit, form *ui.Form, list []string) {
	for _, text := range list {
		_, err := netip.ParsePrefix(text)
		if _, single := netip.ParseAddr(text); err != nil && single != nil {
			form.Fail("allow_from", v.L.T("login.networks.bad", "text", text))
			return
		}
	}
}

// checkKeys says what a line is that cannot be a public key.
func checkKeys(v *desk.Visit, form *ui.Form, list []string) {
	for _, line := range list {
		switch {
		case strings.Contains(line, "PRIVATE KEY"):
			form.Fail("ssh_keys", v.L.T("login.key.private"))
			form.Values.Del("ssh_keys") // it is not shown again
			return
		case !strings.Contains(line, "ssh-") && !strings.Contains(line, "ecdsa-"):
			form.Fail("ssh_keys", v.L.T("login.key.bad"))
			return
		}
	}
}
