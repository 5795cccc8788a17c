package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/web/ui"
)

// visit is one request of one person.
type visit struct {
	*Handler
	w       http.ResponseWriter
	r       *http.Request
	person  ui.Person
	l       *ui.Locale
	account string // of the address
	next    string // where to go on after a step-up; "" = this address
}

func (v *visit) ctx() context.Context { return v.r.Context() }

// get, post and delete ask the API.
func (v *visit) get(path string, query url.Values, out any) error {
	return v.api.Get(v.ctx(), path, query, out)
}

func (v *visit) post(path string, in, out any) error { return v.api.Post(v.ctx(), path, in, out) }

func (v *visit) delete(path string, query url.Values, out any) error {
	return v.api.Delete(v.ctx(), path, query, out)
}

// theAccount reads the account of the address. Whoever may not see it is told that
// there is none, which is put on record.
func (v *visit) theAccount() (a portal.Account, tag string, err error) {
	tag, err = v.api.GetTagged(v.ctx(), join("accounts", v.account), nil, &a)
	return a, tag, err
}

// show answers with a page of the account.
func (v *visit) show(name, section, title string, data any, crumbs ...ui.Crumb) error {
	return v.showAs(http.StatusOK, name, section, title, data, crumbs...)
}

// formAgain answers with the form that was sent and what is wrong with it.
func (v *visit) formAgain(name, section, title string, data any, crumbs ...ui.Crumb) error {
	return v.showAs(http.StatusUnprocessableEntity, name, section, title, data, crumbs...)
}

func (v *visit) showAs(status int, name, section, title string, data any, crumbs ...ui.Crumb) error {
	views.Render(v.w, v.r, status, name, ui.Page{Title: title, Account: v.account, Section: section, Crumbs: crumbs, Data: data})
	return nil
}

// redirect sends the browser on with a GET.
func (v *visit) redirect(target string) {
	http.Redirect(v.w, v.r, target, http.StatusSeeOther)
}

// done says on the next page what was done: the text "flash.CODE".
func (v *visit) done(target, code string) error {
	v.redirect(target + "?" + ui.Done + "=" + code)
	return nil
}

// may reports whether the person has one of the roles; an operator is one of his own.
func (v *visit) may(roles ...string) bool {
	role := v.person.Role
	if v.person.Operator {
		role = operator
	}
	return slices.Contains(roles, role)
}

// operator stands for a role among those of an account.
const operator = "operator"

// proved asks for a proof of who it is before a form is filled in whose sending would
// ask for it.
func (v *visit) proved() error { return access.Proved(v.ctx(), v.now()) }

// at is an address of the account.
func (v *visit) at(parts ...string) string {
	return join(append([]string{"a", v.account}, parts...)...)
}

func join(parts ...string) string {
	path := ""
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// explain puts an error of the API into the form that caused it, where a person can
// mend it; other errors are for refuse.
func explain(form *ui.Form, field string, err error) error {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Exists, fault.TooLarge, fault.Locked:
		form.Fail(field, fault.Message(err))
		return nil
	}
	return err
}
