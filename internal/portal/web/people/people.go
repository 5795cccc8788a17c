// Package people is the pages about who and what gets in: an account's logins and
// tokens for its admins, and the operators for themselves.
//
// Everything here that gives somebody a way in asks for a proof of who it is before
// the form, so that nothing typed is lost to it. Secrets are in the answer to the form
// that made them and nowhere else: a reload of that page asks the browser to send the
// form again, and a password or a token is never in an address.
package people

import (
	"embed"
	"net/url"
	"strings"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

//go:embed templates/*.html
var templates embed.FS

// Room is these pages.
func Room() desk.Room { return room }

var room = desk.Room{
	Views: ui.Later(templates, loginTexts, tokenTexts, operatorTexts),
	Routes: []desk.Route{
		{Pattern: "GET /a/{account}/logins", Answer: logins},
		{Pattern: "GET /a/{account}/logins/new", Answer: askLogin},
		{Pattern: "POST /a/{account}/logins/new", Answer: addLogin},
		{Pattern: "GET /a/{account}/logins/of/{login}", Answer: login},
		{Pattern: "GET /a/{account}/logins/of/{login}/edit", Answer: askEdit},
		{Pattern: "POST /a/{account}/logins/of/{login}/edit", Answer: edit},
		{Pattern: "GET /a/{account}/logins/of/{login}/key", Answer: askKey},
		{Pattern: "POST /a/{account}/logins/of/{login}/key", Answer: addKey},
		{Pattern: "POST /a/{account}/logins/of/{login}/key/remove", Answer: removeKey},
		{Pattern: "GET /a/{account}/logins/of/{login}/password", Answer: askPassword},
		{Pattern: "POST /a/{account}/logins/of/{login}/password", Answer: setPassword},
		{Pattern: "GET /a/{account}/logins/of/{login}/link", Answer: askLink},
		{Pattern: "POST /a/{account}/logins/of/{login}/link", Answer: makeLink},
		{Pattern: "GET /a/{account}/logins/of/{login}/remove", Answer: askRemoveLogin},
		{Pattern: "POST /a/{account}/logins/of/{login}/remove", Answer: removeLogin},

		{Pattern: "GET /a/{account}/tokens", Answer: tokens},
		{Pattern: "GET /a/{account}/tokens/new", Answer: askToken},
		{Pattern: "POST /a/{account}/tokens/new", Answer: addToken},
		{Pattern: "GET /a/{account}/tokens/of/{token}/remove", Answer: askRemoveToken},
		{Pattern: "POST /a/{account}/tokens/of/{token}/remove", Answer: removeToken},

		{Pattern: "GET /operators", Answer: operators},
		{Pattern: "GET /operators/tokens", Answer: tokens},
		{Pattern: "GET /operators/tokens/new", Answer: askToken},
		{Pattern: "POST /operators/tokens/new", Answer: addToken},
		{Pattern: "GET /operators/tokens/of/{token}/remove", Answer: askRemoveToken},
		{Pattern: "POST /operators/tokens/of/{token}/remove", Answer: removeToken},
		{Pattern: "GET /operators/new", Answer: askOperator},
		{Pattern: "POST /operators/new", Answer: addOperator},
		{Pattern: "GET /operators/of/{email}/reset", Answer: askReset},
		{Pattern: "POST /operators/of/{email}/reset", Answer: reset},
		{Pattern: "GET /operators/of/{email}/remove", Answer: askRemoveOperator},
		{Pattern: "POST /operators/of/{email}/remove", Answer: removeOperator},
	},
}

// formPage is a page with one form.
type formPage struct {
	Form   *ui.Form
	Who    string // whom it is about
	Action string
	Cancel string
	Roles  []ui.Option
	Ways   []ui.Option
	Terms  []ui.Option
}

// shownOnce is the page with a secret.
type shownOnce struct {
	Title, Text string
	Secret      ui.Secret
	Until       *portal.Link
	Back        string
}

// confirmPage asks for something that cannot be undone.
type confirmPage struct {
	Title   string
	Confirm ui.Confirm
}

// address is the whole link that somebody is given.
func address(v *desk.Visit, link *portal.Link) string { return "https://" + v.R.Host + link.Path }

// provedAndManaged is managed for who is about to fill in a form.
func provedAndManaged(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	return v.Proved()
}

// confirmed reports whether the name was typed as it stands.
func confirmed(v *desk.Visit, form *ui.Form, name string) bool {
	if strings.TrimSpace(v.R.PostForm.Get("confirm")) == name {
		return true
	}
	form.Fail("confirm", v.L.T("confirm.wrong"))
	return false
}

// split takes a field in which several things stand, apart by lines, blanks or commas.
func split(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) })
}

// public is what was typed but for secrets, which are never shown again.
func public(typed url.Values, names []string) *ui.Form {
	return &ui.Form{Values: desk.Keep(typed, names...)}
}
