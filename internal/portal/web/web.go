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
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/web/agents"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/doors"
	"sealgate/internal/portal/web/gateway"
	"sealgate/internal/portal/web/notices"
	"sealgate/internal/portal/web/people"
	"sealgate/internal/portal/web/remotes"
	"sealgate/internal/portal/web/send"
	"sealgate/internal/portal/web/trail"
	"sealgate/internal/portal/web/ui"
)

//go:embed templates/*.html
var templates embed.FS

// views are made once in a process: their templates and texts are part of it.
var views = ui.Later(templates, overviewTexts, fileTexts, happeningTexts, paymentTexts, outboxTexts, settingTexts, keyTexts)

// Options are the parts of the pages.
type Options struct {
	API http.Handler // answers for whom the request's context names (access.With)
	Now func() time.Time
	Log *slog.Logger
}

// visit is one request of one person for a page of this room.
type visit struct{ *desk.Visit }

// rooms are all pages but the one that files are sent from.
func rooms() []desk.Room {
	own := desk.Room{Views: views}
	for _, r := range routes {
		own.Routes = append(own.Routes, desk.Route{Pattern: r.pattern, Answer: func(v *desk.Visit) error { return r.answer(&visit{v}) }})
	}
	return []desk.Room{own, people.Room(), notices.Room(), remotes.Room(), agents.Room(), doors.Room(), trail.Room(), gateway.Room()}
}

// New answers for every page.
func New(opt Options) http.Handler {
	d := &desk.Desk{API: client.Inside(opt.API), Now: opt.Now, Log: opt.Log}
	mux := http.NewServeMux()
	upload := send.New(d.API)
	mux.HandleFunc("GET /a/{account}/upload", d.OfAccount(views, upload.Show))
	mux.HandleFunc(send.Pattern, d.OfAccount(views, upload.Take))
	mux.Handle(ui.AssetsPath, ui.Assets())
	for _, room := range rooms() {
		d.Open(mux, room)
	}
	d.Open(mux, desk.Room{Views: views, Routes: []desk.Route{{Pattern: "/", Answer: func(*desk.Visit) error {
		return fault.New(fault.NotFound, "web", "there is no such page")
	}}}})
	return mux
}
