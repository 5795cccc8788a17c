// Package desk is where a person asks for a page: it knows who asks, lets a handler of
// one of the rooms of pages answer, and turns what the API refuses into a page.
//
// A Room is a table of routes with their templates and texts. Whoever comes without a
// session is led to sign in, and whoever has to prove who he is to that page; both lead
// back. A handler returns an error or has answered, and asks the API by its Visit: so
// every right and every audit entry is the API's.
package desk

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/web/ui"
)

// Desk is what all rooms of pages have in common.
type Desk struct {
	API *client.Client
	Now func() time.Time
	Log *slog.Logger
}

// Room is pages that belong together.
type Room struct {
	Views  *ui.UI
	Routes []Route
}

// Route is one page, or what is sent from one.
type Route struct {
	Pattern string
	Answer  func(*Visit) error
}

// Open registers the routes of a room.
func (d *Desk) Open(mux *http.ServeMux, room Room) {
	room.Views.Ready() // templates and texts are checked now, not at the first page
	for _, r := range room.Routes {
		mux.HandleFunc(r.Pattern, func(w http.ResponseWriter, req *http.Request) { d.visit(w, req, room.Views, r.Answer) })
	}
}

// visit lets one handler answer a person.
func (d *Desk) visit(w http.ResponseWriter, r *http.Request, views *ui.UI, answer func(*Visit) error) {
	who, ok := ui.PersonOf(r.Context())
	if !ok {
		toSignIn(w, r)
		return
	}
	v := &Visit{Desk: d, W: w, R: r, Person: who, L: views.Locale(r), Account: r.PathValue("account"), views: views}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		// What is picked as a file stays in memory, too: all of a form is smaller than that.
		err := r.ParseForm()
		if err == nil {
			err = r.ParseMultipartForm(maxForm)
		}
		if err != nil && !errors.Is(err, http.ErrNotMultipart) {
			views.Refuse(w, r, fault.New(fault.Invalid, "web: form", "the form could not be read"))
			return
		}
	}
	if err := answer(v); err != nil {
		v.refuse(err)
	}
}

// OfAccount is for handlers that read their requests by themselves: it lets through
// who is signed in and may see the account.
func (d *Desk) OfAccount(views *ui.UI, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, ok := ui.PersonOf(r.Context()); !ok {
			toSignIn(w, r)
			return
		}
		v := &Visit{Desk: d, W: w, R: r, L: views.Locale(r), Account: r.PathValue("account"), views: views}
		if _, _, err := v.TheAccount(); err != nil {
			v.refuse(err)
			return
		}
		next(w, r)
	}
}

// maxForm is enough for a certificate with its chain.
const maxForm = 256 << 10

// Where sign-in lies.
const (
	signInPath = "/sign-in"
	stepUpPath = "/sign-in/again"
)

// toSignIn sends somebody to sign in, and then back to what he wanted to see.
func toSignIn(w http.ResponseWriter, r *http.Request) {
	target := signInPath
	if r.Method == http.MethodGet {
		target += "?next=" + url.QueryEscape(r.URL.RequestURI())
	}
	http.Redirect(w, r, target, http.StatusSeeOther)
}

// refuse answers with an error.
func (v *Visit) refuse(err error) {
	switch {
	case portal.IsSignIn(err):
		toSignIn(v.W, v.R)
	case portal.IsStepUp(err):
		v.Redirect(stepUpPath + "?next=" + url.QueryEscape(v.back()))
	default:
		if fault.Is(err, fault.Internal) {
			v.Log.ErrorContext(v.Ctx(), "web: a page failed", "route", v.R.Pattern, "error", err)
		}
		v.views.Refuse(v.W, v.R, err)
	}
}

// back is where somebody goes on after he has proved who he is: the page itself, or
// the one whose form he sent, with what he typed where that is no secret.
func (v *Visit) back() string {
	if v.Next != "" {
		return v.Next
	}
	return v.R.URL.RequestURI()
}
