package ui

import (
	"context"
	"net/http"

	"github.com/google/uuid"
)

// Person is who has signed in.
type Person struct {
	Login    uuid.UUID
	Username string
	Role     string // of the account: uploader, reader, approver, admin
	Operator bool
	Account  string // its name; "" for an operator
	Language Language
	Session  uuid.UUID
}

type personKey struct{}

// WithPerson says who asks.
func WithPerson(ctx context.Context, p Person) context.Context {
	return context.WithValue(ctx, personKey{}, p)
}

// PersonOf is who asks; ok is false when nobody has signed in.
func PersonOf(ctx context.Context) (p Person, ok bool) {
	p, ok = ctx.Value(personKey{}).(Person)
	return p, ok
}

// Page is what a handler hands over.
type Page struct {
	Title   string   // in the reader's language
	Account string   // whose page it is; "" = that of the person, or none
	Section string   // the item of the navigation that it belongs to
	Crumbs  []Crumb  // the way here; the page itself is not in it
	Scripts []string // files of assets/, loaded as modules
	Flash   *Flash   // nil = what the query "done" says
	Plain   bool     // without navigation, for who has not signed in yet
	Data    any
}

// Crumb is one step on the way to a page.
type Crumb struct{ Label, Href string }

// Flash tells once what was done. Tone is good, info, warning or bad.
type Flash struct{ Tone, Text string }

// Done is the query that carries the code of a flash through a redirect after a
// POST. The code is looked up in the texts ("flash.CODE"), so that a link can make a
// page say nothing that is not ours.
const Done = "done"

// view is what templates see: a page, with what the layout needs.
type view struct {
	Page
	Language Language
	Person   *Person
	Nav      []group
	Path     string
}

func (p Page) view(r *http.Request, l *Locale) view {
	v := view{Page: p, Language: l.Language, Path: r.URL.Path}
	if who, ok := PersonOf(r.Context()); ok && !p.Plain {
		v.Person = &who
		if v.Account == "" {
			v.Account = who.Account
		}
		v.Nav = navigation(who, v.Account, v.Section)
	}
	if code := r.URL.Query().Get(Done); v.Flash == nil && l.Has("flash."+code) {
		v.Flash = &Flash{Tone: "good", Text: l.T("flash." + code)}
	}
	return v
}
