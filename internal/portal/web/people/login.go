package people

import (
	"net/url"
	"slices"
	"strings"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// managedLogin reads the login of the address for who may change it, when he has
// proved who he is.
func managedLogin(v *desk.Visit) (portal.Login, string, error) {
	l, name, err := theLogin(v)
	if err == nil {
		err = v.Proved()
	}
	return l, name, err
}

// set changes the login; what the API says of it goes into the form. It has answered
// when done is false.
func set(v *desk.Visit, name string, change portal.LoginChange, form *ui.Form) (out portal.LoginMade, done bool, err error) {
	err = v.Patch(v.Of("logins", name), change, &out)
	if err == nil {
		return out, true, nil
	}
	return out, false, v.Explain(form, err, refusals)
}

var editFields = []string{"role", "sftp", "portal", "allow_from"}

func askEdit(v *desk.Visit) error {
	l, name, err := managedLogin(v)
	if err != nil {
		return err
	}
	form := v.Typed(editFields...)
	if len(form.Values) == 0 {
		form.Values = url.Values{"role": {l.Role}, "allow_from": {strings.Join(l.AllowFrom, "\n")}, "sftp": {""}, "portal": {""}}
		if l.SFTP {
			form.Values.Set("sftp", "yes")
		}
		if l.Portal {
			form.Values.Set("portal", "yes")
		}
	}
	return showEdit(v, name, form)
}

func showEdit(v *desk.Visit, name string, form *ui.Form) error {
	return v.ShowAs(form.Status(), "login-edit", "logins", v.L.T("login.edit"), formPage{
		Form: form, Who: name, Action: at(v, name, "edit"), Cancel: at(v, name), Roles: v.Options("role", desk.Roles...),
	}, crumbs(v, name)...)
}

func edit(v *desk.Visit) error {
	l, name, err := theLogin(v)
	if err != nil {
		return err
	}
	form := public(v.R.PostForm, editFields)
	v.Next = desk.Address(at(v, name, "edit"), form.Values)
	networks := split(form.Values.Get("allow_from"))
	checkDoors(v, form)
	checkNetworks(v, form, networks)
	if !form.OK() {
		return showEdit(v, name, form)
	}
	change := portal.LoginChange{}
	if role := form.Values.Get("role"); role != l.Role {
		change.Role = &role
	}
	if sftp := form.Values.Get("sftp") != ""; sftp != l.SFTP {
		change.SFTP = &sftp
	}
	if door := form.Values.Get("portal") != ""; door != l.Portal {
		change.Portal = &door
	}
	if !slices.Equal(networks, l.AllowFrom) {
		networks = append([]string{}, networks...)
		change.AllowFrom = &networks
	}
	if _, done, err := set(v, name, change, form); err != nil || !done {
		if err != nil {
			return err
		}
		return showEdit(v, name, form)
	}
	return v.Done(at(v, name), "login-saved")
}

func askKey(v *desk.Visit) error {
	_, name, err := managedLogin(v)
	if err != nil {
		return err
	}
	return showKey(v, name, v.Typed("ssh_keys"))
}

func showKey(v *desk.Visit, name string, form *ui.Form) error {
	return v.ShowAs(form.Status(), "login-key", "logins", v.L.T("login.key.add"), formPage{
		Form: form, Who: name, Action: at(v, name, "key"), Cancel: at(v, name),
	}, crumbs(v, name)...)
}

func addKey(v *desk.Visit) error {
	_, name, err := theLogin(v)
	if err != nil {
		return err
	}
	form := public(v.R.PostForm, []string{"ssh_keys"})
	v.Next = desk.Address(at(v, name, "key"), form.Values)
	keys := desk.Lines(form.Values.Get("ssh_keys"))
	v.Required(form, "ssh_keys")
	checkKeys(v, form, keys)
	if form.OK() {
		_, done, err := set(v, name, portal.LoginChange{AddKeys: keys}, form)
		if err != nil {
			return err
		}
		if done {
			return v.Done(at(v, name), "key-added")
		}
	}
	return showKey(v, name, form)
}

// removeKey takes a key away; when it is the last thing to sign in with, the login's
// page says so.
func removeKey(v *desk.Visit) error {
	l, name, err := theLogin(v)
	if err != nil {
		return err
	}
	v.Next = at(v, name)
	form := &ui.Form{}
	_, done, err := set(v, name, portal.LoginChange{RemoveKeys: []string{v.R.PostForm.Get("fingerprint")}}, form)
	switch {
	case err != nil:
		return err
	case done:
		return v.Done(at(v, name), "key-removed")
	}
	return v.ShowAs(form.Status(), "login", "logins", name, loginPage{Login: l, Name: name, Form: form}, crumbs(v, "")...)
}

func askPassword(v *desk.Visit) error {
	l, name, err := managedLogin(v)
	if err != nil {
		return err
	}
	return showNewPassword(v, l, name, &ui.Form{Values: url.Values{"how": {made}}})
}

func showNewPassword(v *desk.Visit, l portal.Login, name string, form *ui.Form) error {
	ways := []string{made, own}
	if l.Password && len(l.Keys) > 0 {
		ways = append(ways, none)
	}
	return v.ShowAs(form.Status(), "login-password", "logins", v.L.T("login.password"), formPage{
		Form: form, Who: name, Action: at(v, name, "password"), Cancel: at(v, name), Ways: v.Options("login.how", ways...),
	}, crumbs(v, name)...)
}

func setPassword(v *desk.Visit) error {
	l, name, err := theLogin(v)
	if err != nil {
		return err
	}
	v.Next = at(v, name, "password")
	form := public(v.R.PostForm, []string{"how"})
	var change portal.LoginChange
	switch form.Values.Get("how") {
	case made:
		change.NewPassword = true
	case none:
		change.NoPassword = true
	case own:
		if change.Password = v.R.PostForm.Get("password"); change.Password == "" {
			form.Fail("password", v.L.T("form.required"))
		}
	default:
		form.Fail("how", v.L.T("form.required"))
	}
	if !form.OK() {
		return showNewPassword(v, l, name, form)
	}
	out, done, err := set(v, name, change, form)
	switch {
	case err != nil:
		return err
	case !done:
		return showNewPassword(v, l, name, form)
	case out.Secret != "":
		return showPassword(v, name, out.Secret, crumbs(v, name)...)
	case change.NoPassword:
		return v.Done(at(v, name), "password-gone")
	}
	return v.Done(at(v, name), "password-set")
}

// askLink is the page that gives a link: an invitation for who has nothing to sign in
// with yet, else a reset.
func askLink(v *desk.Visit) error {
	l, name, err := managedLogin(v)
	if err != nil {
		return err
	}
	return showAskLink(v, l, name, v.Typed("second_factor"))
}

func showAskLink(v *desk.Visit, l portal.Login, name string, form *ui.Form) error {
	page := struct {
		formPage
		Login portal.Login
	}{formPage{Form: form, Who: name, Action: at(v, name, "link"), Cancel: at(v, name)}, l}
	return v.ShowAs(form.Status(), "login-link", "logins", v.L.T("login.link"), page, crumbs(v, name)...)
}

func makeLink(v *desk.Visit) error {
	l, name, err := theLogin(v)
	if err != nil {
		return err
	}
	form := public(v.R.PostForm, []string{"second_factor"})
	v.Next = desk.Address(at(v, name, "link"), form.Values)
	path, query := v.Of("logins", name, "invite"), url.Values(nil)
	title := v.L.T("login.invited", "name", name)
	if l.Password {
		path, title = v.Of("logins", name, "reset"), v.L.T("login.was-reset", "name", name)
		if form.Values.Get("second_factor") != "" {
			query = url.Values{"second_factor": {"true"}}
		}
	}
	var link portal.Link
	if err := v.Post(desk.Address(path, query), nil, &link); err != nil {
		if err := v.Explain(form, err, refusals); err != nil {
			return err
		}
		return showAskLink(v, l, name, form)
	}
	return showLink(v, title, &link, at(v, name), crumbs(v, name)...)
}

func askRemoveLogin(v *desk.Visit) error {
	_, name, err := managedLogin(v)
	if err != nil {
		return err
	}
	return showRemoveLogin(v, name, &ui.Form{})
}

func showRemoveLogin(v *desk.Visit, name string, form *ui.Form) error {
	title := v.L.T("login.remove")
	return v.ShowAs(form.Status(), "confirm", "logins", title, confirmPage{title, ui.Confirm{
		Sentence: v.L.T("login.remove.text", "name", name), Must: name, Action: at(v, name, "remove"), Button: title, Cancel: at(v, name), Form: form,
	}}, crumbs(v, name)...)
}

func removeLogin(v *desk.Visit) error {
	_, name, err := theLogin(v)
	if err != nil {
		return err
	}
	v.Next = at(v, name, "remove")
	form := public(v.R.PostForm, []string{"confirm"})
	if !confirmed(v, form, name) {
		return showRemoveLogin(v, name, form)
	}
	if err := v.Delete(v.Of("logins", name), nil, nil); err != nil {
		return err
	}
	return v.Done(v.At("logins"), "login-removed")
}
