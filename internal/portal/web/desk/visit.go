package desk

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/web/ui"
)

// Visit is one request of one person.
type Visit struct {
	*Desk
	W       http.ResponseWriter
	R       *http.Request
	Person  ui.Person
	L       *ui.Locale
	Account string // of the address; "" = the page is of none
	Next    string // where to go on after a step-up; "" = this address

	views *ui.UI
}

// Ctx is the request's context; who asks stands in it.
func (v *Visit) Ctx() context.Context { return v.R.Context() }

// Get, Post, Patch and Delete ask the API.
func (v *Visit) Get(path string, query url.Values, out any) error {
	return v.API.Get(v.Ctx(), path, query, out)
}

// Post sends in.
func (v *Visit) Post(path string, in, out any) error { return v.API.Post(v.Ctx(), path, in, out) }

// Patch sends in.
func (v *Visit) Patch(path string, in, out any) error { return v.API.Patch(v.Ctx(), path, in, out) }

// Delete removes what is at path.
func (v *Visit) Delete(path string, query url.Values, out any) error {
	return v.API.Delete(v.Ctx(), path, query, out)
}

// TheAccount reads the account of the address. Whoever may not see it is told that
// there is none, which is put on record.
func (v *Visit) TheAccount() (a portal.Account, tag string, err error) {
	tag, err = v.API.GetTagged(v.Ctx(), v.Of(), nil, &a)
	return a, tag, err
}

// Show answers with a page.
func (v *Visit) Show(name, section, title string, data any, crumbs ...ui.Crumb) error {
	return v.ShowAs(http.StatusOK, name, section, title, data, crumbs...)
}

// FormAgain answers with the form that was sent and what is wrong with it.
func (v *Visit) FormAgain(name, section, title string, data any, crumbs ...ui.Crumb) error {
	return v.ShowAs(http.StatusUnprocessableEntity, name, section, title, data, crumbs...)
}

// ShowAs answers with a page and a status.
func (v *Visit) ShowAs(status int, name, section, title string, data any, crumbs ...ui.Crumb) error {
	v.views.Render(v.W, v.R, status, name, ui.Page{Title: title, Account: v.Account, Section: section, Crumbs: crumbs, Data: data})
	return nil
}

// Redirect sends the browser on with a GET.
func (v *Visit) Redirect(target string) { http.Redirect(v.W, v.R, target, http.StatusSeeOther) }

// Done says on the next page what was done: the text "flash.CODE".
func (v *Visit) Done(target, code string) error {
	v.Redirect(target + "?" + ui.Done + "=" + code)
	return nil
}

// Operator stands for a role among those of an account.
const Operator = "operator"

// May reports whether the person has one of the roles; an operator is one of his own.
func (v *Visit) May(roles ...string) bool {
	role := v.Person.Role
	if v.Person.Operator {
		role = Operator
	}
	return slices.Contains(roles, role)
}

// Proved asks for a proof of who it is before a form is filled in whose sending would
// ask for it.
func (v *Visit) Proved() error { return access.Proved(v.Ctx(), v.Now()) }

// At is an address of the account.
func (v *Visit) At(parts ...string) string {
	return Join(append([]string{"a", v.Account}, parts...)...)
}

// Of is the API's path of the account, or of something of it.
func (v *Visit) Of(parts ...string) string {
	return Join(append([]string{"accounts", v.Account}, parts...)...)
}

// Join makes a path of parts, whatever they hold.
func Join(parts ...string) string {
	path := ""
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// Address is a path with a query.
func Address(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// Attach makes an answer a file that a browser puts away and never shows.
func Attach(w http.ResponseWriter, name string) {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
}

// Explain puts an error of the API into the form that caused it, where a person can
// mend it; other errors are for the page of problems.
func Explain(form *ui.Form, field string, err error) error {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Exists, fault.TooLarge, fault.Locked:
		form.Fail(field, fault.Message(err))
		return nil
	}
	return err
}

// Keep picks what may stand in an address of what was typed: the form it came from is
// filled with it again after a step-up.
func Keep(typed url.Values, names ...string) url.Values {
	kept := url.Values{}
	for _, name := range names {
		if values, ok := typed[name]; ok {
			kept[name] = values
		}
	}
	return kept
}

// Typed is a form that is filled with what the address holds of these fields: what was
// typed before a step-up.
func (v *Visit) Typed(names ...string) *ui.Form {
	return &ui.Form{Values: Keep(v.R.URL.Query(), names...)}
}

// Refusal is how the API says no to something that was typed, the field it belongs to,
// and how pages say it ("" = in the words of the API).
type Refusal struct{ Words, Field, Text string }

// Explain puts an error of the API beside the field that caused it, in the reader's
// language where there is a text. Others are for the page of problems.
func (v *Visit) Explain(form *ui.Form, err error, known []Refusal) error {
	message := fault.Message(err)
	for _, k := range known {
		if !strings.Contains(message, k.Words) {
			continue
		}
		if k.Text != "" {
			form.Fail(k.Field, v.L.T(k.Text))
			return nil
		}
		return Explain(form, k.Field, err)
	}
	return Explain(form, "", err)
}

// Options are choices whose texts are "KEY.VALUE" and "KEY.VALUE.help".
func (v *Visit) Options(key string, values ...string) (list []ui.Option) {
	for _, value := range values {
		o := ui.Option{Value: value, Label: v.L.T(key + "." + value)}
		if help := key + "." + value + ".help"; v.L.Has(help) {
			o.Help = v.L.T(help)
		}
		list = append(list, o)
	}
	return list
}

// Roles are those of an account's people.
var Roles = []string{"uploader", "reader", "approver", "admin"}
