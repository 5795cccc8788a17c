// Package upload is the door for files by HTTPS: the tus 1.0 protocol for uploads
// that are gone on with (core, creation, creation-with-upload,
// creation-defer-length, checksum, termination, expiration), PUT for scripts
// (curl -T) and multipart/form-data for forms.
//
// Bytes go straight into an intake.Arrival: they are sealed from the first one on.
// Answers rest on the intake's invariants:
//
//   - A file that is answered with Sealgate-File-Id, or 201 by PUT and POST, is
//     durable and on record (R1).
//   - The id of a tus upload is the id of the file and of the delivery (R2): when
//     the answer to the last PATCH was lost, HEAD says that all is there, and the
//     same PATCH is answered as before. Nothing is taken twice.
//   - A cut PUT or POST is no file. A cut PATCH keeps what has come: HEAD tells how
//     much. After a restart of the gateway that is the length found by reading what
//     opens (R6), which may be up to 128 KiB less than the last answer said.
//   - One request at a time sends an upload. Another is answered 423, unless
//     nothing has come by the first one for a while: then it gives way, because its
//     connection is likely gone.
//
// A piece with a checksum is held in memory until it has proved right; none of it
// reaches the arrival before.
package upload

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/logging"
	"sealgate/internal/portal"
	"sealgate/internal/portal/fair"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/vpath"
)

const (
	prefix      = "/api/v1"
	uploadsPath = prefix + "/uploads"
	filesPath   = prefix + "/files"
)

// Patterns are the routes of Uploads, for a http.ServeMux.
var Patterns = []string{
	uploadsPath, uploadsPath + "/", "PUT " + filesPath + "/{name...}", "POST " + filesPath,
}

// HeaderFileID tells the id of the file that an upload became.
const HeaderFileID = "Sealgate-File-Id"

// Who sends, as the door in front found out.
type Who struct {
	Account uuid.UUID
	Login   uuid.UUID // uuid.Nil for a token; a login's upload is its own
	Role    account.Role
	Source  string // intake.SourcePortal or intake.SourceAPI
	Actor   string // for the audit
}

func (w Who) spec(p vpath.Path, size int64) intake.Spec {
	return intake.Spec{Account: w.Account, Login: w.Login, Source: w.Source, Actor: w.Actor, Path: p, Size: size}
}

// Options are what Uploads needs of others.
type Options struct {
	Intake *intake.Intake
	// Who reads from the context who sends; its error is answered as it is.
	Who func(ctx context.Context) (Who, error)
	// Still reads from the context whether who sends may still do so; it is asked right
	// before a file is made of what came. May be nil.
	Still func(ctx context.Context) error
	// Object is the file object that PUT and POST answer with.
	Object func(ctx context.Context, f *catalog.File) (any, error)
	// Denied puts on record that somebody named an upload that is not there for him.
	// May be nil.
	Denied func(ctx context.Context, upload uuid.UUID)
	Now    func() time.Time
	Log    *slog.Logger
}

// Uploads answers the requests of Patterns.
type Uploads struct {
	Options
	mux      *http.ServeMux
	table    *table
	pieces   *fair.Places  // with a checksum, of each account
	arrivals *fair.Places  // that requests hold open, of each account
	alone    chan struct{} // held while a conditional PUT looks and commits
}

// New returns the handler.
func New(opt Options) *Uploads {
	u := &Uploads{
		Options: opt, mux: http.NewServeMux(), table: newTable(opt.Now), alone: make(chan struct{}, 1),
		pieces: fair.NewPlaces(piecesOfOne, piecesInAll), arrivals: fair.NewPlaces(arrivalsOfOne, 0),
	}
	u.mux.Handle(uploadsPath, u.handler(u.collection))
	u.mux.Handle(uploadsPath+"/{id}", u.handler(u.one))
	u.mux.Handle(filesPath, u.handler(u.form))
	u.mux.Handle(filesPath+"/{name...}", u.handler(u.put))
	u.mux.Handle("/", u.handler(func(_ http.ResponseWriter, r *http.Request, _ Who) error {
		return fault.New(fault.NotFound, "upload", "there is nothing at %s", r.URL.Path)
	}))
	return u
}

// ServeHTTP implements http.Handler.
func (u *Uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) { u.mux.ServeHTTP(w, r) }

// Run closes the uploads that nobody goes on with, until ctx ends; then all. They
// are opened again when their client comes back.
func (u *Uploads) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			u.table.closeIdle(0)
			return nil
		case <-tick.C:
			u.table.closeIdle(idleFor)
		}
	}
}

// handler finds out who asks, and answers with what went wrong.
func (u *Uploads) handler(do func(http.ResponseWriter, *http.Request, Who) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, uploadsPath) {
			w.Header().Set("Tus-Resumable", tusVersion)
			if r.Method == http.MethodOptions {
				options(w)
				return
			}
		}
		// A long upload is no slow one.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
		who, err := u.Who(r.Context())
		if err == nil && !who.Role.MayWrite() {
			err = fault.New(fault.Denied, "upload", "this caller may not send files")
		}
		if err == nil && r.Header.Get("Content-Encoding") != "" {
			err = refuse(http.StatusUnsupportedMediaType, fault.Invalid, "a file is sent as it is, without Content-Encoding")
		}
		if err == nil {
			err = do(w, r, who)
		}
		if err != nil {
			u.answer(w, r, problem(err))
		}
	})
}

// still refuses whoever was let in when his request began and would not be any more: a
// body takes hours, and a token is dead at once. The answer is that of one who is not
// signed in.
func (u *Uploads) still(ctx context.Context) error {
	if u.Still == nil {
		return nil
	}
	err := u.Still(context.WithoutCancel(ctx)) // what has come is decided about with its sender or without
	if fault.Is(err, fault.Denied) {
		return &refusal{err, http.StatusUnauthorized}
	}
	return err
}

// begin begins an arrival for as long as a request holds it open; leave follows.
func (u *Uploads) begin(ctx context.Context, spec intake.Spec) (a *intake.Arrival, leave func(), err error) {
	leave = u.arrivals.Take(spec.Account.String())
	if leave == nil {
		return nil, nil, refuse(http.StatusTooManyRequests, fault.TryLater, "too many files of this account are under way; wait until some have come")
	}
	if a, err = u.Intake.Begin(ctx, spec); err != nil {
		leave()
		return nil, nil, err
	}
	return a, leave, nil
}

// refusal is an error for which HTTP or tus has a status of its own. It is
// always the sender's doing: what the arrival has so far stays.
type refusal struct {
	error
	status int
}

func (r *refusal) Unwrap() error { return r.error }

func refuse(status int, kind fault.Kind, format string, args ...any) error {
	return &refusal{fault.New(kind, "upload", format, args...), status}
}

// refused is an error with its answer.
type refused struct {
	*portal.Problem
	Taken []string `json:"taken,omitempty"` // ids of the files of a form that were taken before
	err   error
}

func problem(err error) *refused {
	p := portal.ProblemOf(err)
	var known *portal.Problem
	if errors.As(err, &known) {
		p = known
	}
	var own *refusal
	if errors.As(err, &own) {
		p.Status = own.status
	}
	return &refused{Problem: p, err: err}
}

func (u *Uploads) answer(w http.ResponseWriter, r *http.Request, p *refused) {
	p.Request = logging.Request(r.Context())
	switch kind := fault.KindOf(p.err); {
	case r.Context().Err() != nil:
	case kind == fault.Internal, kind == fault.Damaged, kind == fault.Full:
		u.Log.ErrorContext(r.Context(), "upload failed", "error", p.err)
	default:
		u.Log.DebugContext(r.Context(), "upload refused", "kind", kind, "error", p.err)
	}
	if fault.Is(p.err, fault.TryLater) {
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller is gone when this fails
}

func notAllowed(w http.ResponseWriter, methods string) error {
	w.Header().Set("Allow", methods)
	return refuse(http.StatusMethodNotAllowed, fault.Invalid, "this is answered to %s only", methods)
}
