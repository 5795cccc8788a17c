// Package operation is the frame in which every operation of the API runs, whatever
// it is about.
//
//	request ─ who asks ─ how often ─ right ─ proof ─ handler ─ answer or problem
//
// A Router holds the operations. Register adds one that takes and gives values, Mount
// one that reads and writes by itself; both have an id that stands in the table of
// package access, where its right is, and both appear in the API's description. A
// handler is told nothing of who asks but by access.Of, and answers an error of
// package fault: the router makes the problem object (RFC 9457) of it, and logs what
// its sentence leaves out.
//
// Somebody of an account is told of nothing but that account: the rest is not there
// for him, and asking for it is on record.
package operation

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/limit"
	"sealgate/internal/logging"
	"sealgate/internal/portal"
	"sealgate/internal/store/catalog"
)

// Prefix is where the API lies.
const Prefix = "/api/v1"

// What one caller may ask for. A robot that sends a file a second never meets the
// limit; a loop that forgot to wait does.
var (
	RequestRate = limit.Rate{Burst: 500, Every: 20 * time.Millisecond}
	// KeyRate is how often all callers together, but who has the machine, may write the
	// keys and secrets of one account.
	KeyRate = limit.Rate{Burst: 20, Every: 10 * time.Second}
	// missRate is how many requests for what is not theirs are put on record.
	missRate = limit.Rate{Burst: 100, Every: 5 * time.Second}
)

// Options are the parts that a Router needs.
type Options struct {
	Catalog *catalog.Catalog   // for what is put on record
	Records *custody.Custodian // seals answers that may be asked for again
	Now     func() time.Time
	Log     *slog.Logger
	Version string
}

// Router holds the operations and runs them.
type Router struct {
	opt      Options
	huma     huma.API
	mux      *http.ServeMux
	requests *limit.Limiter // of each caller
	misses   *limit.Limiter
	keys     *limit.Limiter // of each account
	underWay underWay
	observe  func(operation string, status int, took time.Duration)
	run      string // tells this life of the gateway from others
}

var problemsOnce sync.Once

// New returns a router without operations.
func New(opt Options) *Router {
	problemsOnce.Do(func() {
		huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
			for _, err := range errs {
				if err != nil {
					msg += "; " + withoutValue(err)
				}
			}
			return portal.ProblemFor(status, msg)
		}
	})
	cfg := huma.DefaultConfig("Sealgate", opt.Version)
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.CreateHooks = nil // no $schema in answers
	cfg.DocsPath = ""
	cfg.SchemasPath = ""
	cfg.RejectUnknownQueryParameters = true
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	cfg.Security = []map[string][]string{{"token": {}}}
	r := &Router{
		opt: opt, mux: http.NewServeMux(),
		requests: limit.New(RequestRate, opt.Now), misses: limit.New(missRate, opt.Now), keys: limit.New(KeyRate, opt.Now), underWay: newUnderWay(), run: uuid.NewString(),
	}
	r.huma = humago.NewWithPrefix(r.mux, Prefix, cfg)
	r.mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
		r.Refuse(req.Context(), w, fault.New(fault.NotFound, "api", "there is nothing at %s %s", req.Method, req.URL.Path))
	})
	return r
}

// Observe has every request told that was answered. It is for the wiring, before the
// first one.
func (r *Router) Observe(told func(operation string, status int, took time.Duration)) {
	r.observe = told
}

// Description is what is said of the API in openapi.json.
func (r *Router) Description() *huma.OpenAPI { return r.huma.OpenAPI() }

// withoutValue is what is wrong with a request, without what was sent: that may be a
// password.
func withoutValue(err error) string {
	if d, ok := err.(*huma.ErrorDetail); ok {
		return d.Message + " (" + d.Location + ")"
	}
	return err.Error()
}

// schemaName keeps the two meanings of "account" apart: a customer, and the number
// of a payee.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if strings.HasSuffix(t.PkgPath(), "/payment") && !strings.HasPrefix(name, "Payment") {
		return "Payment" + name
	}
	return name
}

// Problem turns an error into an answer, logs what its sentence leaves out, and puts
// on record who asked for what is not there for him.
func (r *Router) Problem(ctx context.Context, err error) *portal.Problem {
	var p *portal.Problem
	if errors.As(err, &p) { // it knows its status
		p.Request = logging.Request(ctx)
		return p
	}
	p = portal.ProblemOf(err)
	p.Request = logging.Request(ctx)
	switch fault.KindOf(err) {
	case fault.Internal, fault.Damaged, fault.Full:
		r.opt.Log.ErrorContext(ctx, "api: request failed", "error", err)
	case fault.NotFound:
		r.missed(ctx)
	}
	return p
}

// Refuse answers with a problem where Register does not do it.
func (r *Router) Refuse(ctx context.Context, w http.ResponseWriter, err error) {
	write(w, r.Problem(ctx, err))
}

func write(w http.ResponseWriter, p *portal.Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	if p.Status == http.StatusTooManyRequests && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "5")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller is gone when this fails
}
