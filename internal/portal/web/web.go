// Package web is the pages of the portal: what an account's people and operators see.
//
// A page is a client of the API like any other (portal/client): it asks in this same
// process, as the person who is signed in, and knows only the shapes of package
// portal. So every right, every audit entry and every "there is no such thing" is the
// API's, and no page can show what the API would not tell.
//
// All routes stand in one table (routes.go), but for the page that sends files (send),
// and every one of them needs somebody who is signed in: ui.PersonOf and access.Of of the request's context say who. All work
// without scripts: reading is GET, acting is POST followed by a redirect, and what is
// refused comes back as the form that was sent, with a sentence beside the field.
//
// Nothing of a customer's files is ever shown as anything but text in a page; their
// contents leave as attachments.
package web

import (
	"embed"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/web/send"
	"sealgate/internal/portal/web/ui"
)

//go:embed templates/*.html
var templates embed.FS

// views are made once in a process: their templates and texts are part of it.
var views = ui.Must(ui.New(templates, overviewTexts, fileTexts, paymentTexts, outboxTexts, settingTexts, keyTexts))

// Options are the parts of the pages.
type Options struct {
	API http.Handler // answers for whom the request's context names (access.With)
	Now func() time.Time
	Log *slog.Logger
}

// Handler answers for every page.
type Handler struct {
	api *client.Client
	now func() time.Time
	log *slog.Logger
	mux *http.ServeMux
}

// New registers all routes.
func New(opt Options) *Handler {
	h := &Handler{api: client.Inside(opt.API), now: opt.Now, log: opt.Log, mux: http.NewServeMux()}
	upload := send.New(h.api)
	h.mux.HandleFunc("GET /a/{account}/upload", h.ofAccount(upload.Show))
	h.mux.HandleFunc(send.Pattern, h.ofAccount(upload.Take))
	h.mux.Handle(ui.AssetsPath, ui.Assets())
	for _, r := range routes {
		h.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) { h.visit(w, req, r.answer) })
	}
	h.mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		h.visit(w, req, func(*visit) error { return fault.New(fault.NotFound, "web", "there is no such page") })
	})
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// ofAccount is for handlers that read their requests by themselves: it lets through
// who is signed in and may see the account.
func (h *Handler) ofAccount(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if _, ok := ui.PersonOf(r.Context()); !ok {
			toSignIn(w, r)
			return
		}
		v := &visit{Handler: h, w: w, r: r, l: views.Locale(r), account: r.PathValue("account")}
		if _, _, err := v.theAccount(); err != nil {
			v.refuse(err)
			return
		}
		next(w, r)
	}
}

// visit lets one handler answer a person.
func (h *Handler) visit(w http.ResponseWriter, r *http.Request, answer func(*visit) error) {
	who, ok := ui.PersonOf(r.Context())
	if !ok {
		toSignIn(w, r)
		return
	}
	v := &visit{Handler: h, w: w, r: r, person: who, l: views.Locale(r), account: r.PathValue("account")}
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			views.Refuse(w, r, fault.New(fault.Invalid, "web: form", "the form could not be read"))
			return
		}
	}
	if err := answer(v); err != nil {
		v.refuse(err)
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
func (v *visit) refuse(err error) {
	switch {
	case portal.IsSignIn(err):
		toSignIn(v.w, v.r)
	case portal.IsStepUp(err):
		v.redirect(stepUpPath + "?next=" + url.QueryEscape(v.back()))
	default:
		if fault.Is(err, fault.Internal) {
			v.log.ErrorContext(v.r.Context(), "web: a page failed", "route", v.r.Pattern, "error", err)
		}
		views.Refuse(v.w, v.r, err)
	}
}

// back is where somebody goes on after he has proved who he is: the page itself, or
// the one whose form he sent, with what he typed where that is no secret.
func (v *visit) back() string {
	if v.next != "" {
		return v.next
	}
	return v.r.URL.RequestURI()
}
