// Package signon is the HTTP part of signing in to the portal: the pages below
// /sign-in, /welcome and /me, the session's cookie, and who a request comes from.
//
// A Handler stands before the other pages: it finds out whose session a request
// carries, says so in its context (ui.WithPerson, access.With), and answers for the
// pages of its own table of routes (routes.go). It is also how the API knows who asks
// by a session (access.Authenticator). Everything it decides is package person's;
// pages here turn forms into calls and answers into words.
//
// All works without scripts, but passkeys. Whatever is wrong with a name, a password
// or a link has one answer. Where to go on after signing in (next=) is a path of this
// site or nothing.
package signon

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"sealgate/internal/account/oidc"
	"sealgate/internal/account/person"
	"sealgate/internal/fault"
	"sealgate/internal/notify/letter"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/web/ui"
)

//go:embed all:templates
var files embed.FS

var views = ui.Later(files, texts)

// Options are the parts of a Handler.
type Options struct {
	People  *person.Service
	SSO     *oidc.Service  // nil: nobody signs in by single sign-on
	Letters *letter.Office // nil: links are asked for from people
	Pages   http.Handler   // everything else; the context of its requests says who asks
	Issuer  string         // what apps for one-time codes call this gateway
	Now     func() time.Time
	Log     *slog.Logger
}

// Handler answers for the portal.
type Handler struct {
	people  *person.Service
	letters *letter.Office
	sso     *oidc.Service
	pages   http.Handler
	issuer  string
	now     func() time.Time
	log     *slog.Logger
	mux     *http.ServeMux

	forgets   requests
	forgotten chan string // usernames, for Run
}

// New registers the routes.
func New(opt Options) *Handler {
	h := &Handler{
		people: opt.People, letters: opt.Letters, sso: opt.SSO, pages: opt.Pages, issuer: opt.Issuer, now: opt.Now, log: opt.Log, mux: http.NewServeMux(),
		forgets: newRequests(opt.Now), forgotten: make(chan string, maxForgotten),
	}
	views.Ready() // templates and texts are checked now, not at the first page
	for _, r := range routes {
		h.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) { h.visit(w, req, r) })
	}
	h.mux.Handle("/assets/", opt.Pages) // the same for everybody
	h.mux.HandleFunc("/", h.others)
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// others lets the other pages answer whom the session names.
func (h *Handler) others(w http.ResponseWriter, r *http.Request) {
	s, err := h.session(r)
	if err != nil && !fault.Is(err, fault.Denied) {
		h.fail(w, r, err)
		return
	}
	if s != nil && s.Stage == person.Full {
		r = r.WithContext(access.WithStill(with(r.Context(), s), func(ctx context.Context) error {
			_, err := h.Caller(ctx, r.WithContext(ctx))
			return err
		}))
	}
	h.pages.ServeHTTP(w, r)
}

// with says in a context who is signed in.
func with(ctx context.Context, s *person.Session) context.Context {
	p := ui.Person{
		Login: s.Login, Username: s.Username, Role: string(s.Role), Operator: s.Operator, Account: s.AccountName,
		Language: ui.Language(s.Language), Session: s.ID,
	}
	if s.Operator {
		p.Account = ""
	}
	return ui.WithPerson(access.With(ctx, callerOf(s)), p)
}

func callerOf(s *person.Session) access.Caller {
	c := access.Caller{
		Actor: s.Login.String(), Login: s.Login, Session: s.ID, ProvedAt: s.ProvedAt, Source: "portal", Name: s.Login.String(),
	}
	if s.Operator {
		c.Operator = true
	} else {
		c.Account, c.Role = s.Account, s.Role
	}
	return c
}

// Caller knows who asks by the session's cookie; it implements access.Authenticator.
func (h *Handler) Caller(_ context.Context, r *http.Request) (access.Caller, error) {
	s, err := h.session(r)
	if err != nil {
		return access.Caller{}, err
	}
	if s.Stage != person.Full {
		return access.Caller{}, fault.New(fault.Denied, "sign-on: session", "the sign-in has not come to its end")
	}
	return callerOf(s), nil
}

// The cookies. The prefix binds them to this very host and to HTTPS.
const (
	sessionCookie = "__Host-session"
	deviceCookie  = "__Host-device"
	oidcCookie    = "__Host-oidc"
	deviceFor     = 90 * 24 * time.Hour
	languageFor   = 365 * 24 * time.Hour
)

func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

func setCookie(w http.ResponseWriter, name, value string, lasts time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: int(lasts / time.Second), Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// session returns whose session a request carries; Denied when nobody's.
func (h *Handler) session(r *http.Request) (*person.Session, error) {
	from, err := fromOf(r)
	if err != nil {
		return nil, err
	}
	return h.people.Resume(r.Context(), cookie(r, sessionCookie), from)
}

// background reports whether a page that lies open asks by itself: it says so, and what
// it watches is a stream of events.
func background(r *http.Request) bool {
	return r.Method == http.MethodGet && (r.Header.Get("Sealgate-Background") != "" || strings.HasSuffix(r.URL.Path, "/events"))
}

func fromOf(r *http.Request) (person.From, error) {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return person.From{}, fault.Wrap(fault.Internal, "sign-on: address", err)
	}
	return person.From{Source: addr.Addr().Unmap(), Device: cookie(r, deviceCookie), Agent: strings.ToValidUTF8(r.UserAgent(), ""), Background: background(r)}, nil
}

// fail answers with an error of ours.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if fault.Is(err, fault.Internal) {
		h.log.ErrorContext(r.Context(), "sign-on: a page failed", "route", r.Pattern, "error", err)
	}
	views.Refuse(w, r, err)
}

// safeNext is a path of this site to go on to; the start page instead of anything
// else.
func safeNext(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Fragment != "" ||
		!strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") ||
		path.Clean(u.Path) != strings.TrimSuffix(u.Path, "/") && u.Path != "/" ||
		strings.HasPrefix(u.Path, "/sign-in") || strings.HasPrefix(u.Path, "/welcome") || strings.HasPrefix(u.Path, "/api/") {
		return "/"
	}
	return u.RequestURI()
}
