// Package api answers /api/v1, the one interface of the gateway: the command line
// speaks it over the control socket, the portal and other programs over HTTPS.
//
// Every operation stands in one table of rights (rights.go): who runs the gateway,
// or which roles of an account may ask for it. Somebody of an account is told of
// nothing but that account: the rest is not there, and asking for it is on record.
// Who runs the gateway sees contents and payees of an account only as far as the
// account allows it (access.go), and each use is an audit entry before it is an
// answer. Handlers hold no other rule: they turn requests into calls and results
// into the shapes of package portal.
//
// Errors are problem objects (RFC 9457) with a stable type. A request has an id,
// which stands in its answer and in every log record about it.
package api

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

	"sealgate/internal/account"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/indexer"
	"sealgate/internal/keys"
	"sealgate/internal/logging"
	"sealgate/internal/portal"
	"sealgate/internal/receipt"
	"sealgate/internal/reseal"
	"sealgate/internal/retention"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/outbox"
)

// Prefix is where the API lies.
const Prefix = "/api/v1"

// Services are the parts that the API speaks for.
type Services struct {
	Accounts  *account.Service
	Catalog   *catalog.Catalog
	Custody   *custody.Custodian
	Keys      *keys.Store
	Databases *accountdb.Pool
	Bodies    *bodies.Bodies
	Indexer   *indexer.Indexer
	Intake    *intake.Intake
	Outbox    *outbox.Outbox
	Receipts  *receipt.Office
	Resealer  *reseal.Resealer
	Clock     *retention.Clock
	Machine   Machine
	Now       func() time.Time
	Log       *slog.Logger
	// ExportKeys is false when the gateway never lets a key out.
	ExportKeys bool
	Version    string
}

// Machine does what touches files of the machine that the gateway runs on. Only
// who is on that machine (the control socket) may ask for it.
type Machine interface {
	Backup(ctx context.Context, dir string, progress func(done, total int64)) error
	RotateMaster(ctx context.Context, passphrase []byte) error
}

// API is the handlers over the services.
type API struct {
	Services
	huma     huma.API
	mux      *http.ServeMux
	copier   copier
	requests *limiter // of each caller
	misses   *limiter
}

var problemsOnce sync.Once

// New registers all operations.
func New(s Services) *API {
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
	cfg := huma.DefaultConfig("Sealgate", s.Version)
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	cfg.CreateHooks = nil // no $schema in answers
	cfg.DocsPath = ""
	cfg.SchemasPath = ""
	cfg.RejectUnknownQueryParameters = true
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	cfg.Security = []map[string][]string{{"token": {}}}
	a := &API{Services: s, mux: http.NewServeMux(), requests: newLimiter(requestRate, s.Now), misses: newLimiter(missRate, s.Now)}
	a.huma = humago.NewWithPrefix(a.mux, Prefix, cfg)
	a.accounts()
	a.logins()
	a.operators()
	a.tokens()
	a.files()
	a.contents()
	a.payments()
	a.custody()
	a.gateway()
	a.health()
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.refuse(r.Context(), w, fault.New(fault.NotFound, "api", "there is nothing at %s %s", r.Method, r.URL.Path))
	})
	return a
}

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

// none is the input of operations that take nothing and the output of those that
// give nothing.
type none struct{}

// out wraps an answer's body.
type out[T any] struct{ Body T }

// register adds one operation.
func register[I, O any](a *API, method, path, id, summary string, handle func(context.Context, *I) (*O, error)) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag(path)},
		Description: rights[id].String(),
		Middlewares: huma.Middlewares{a.guarded(id, path)},
		// The deadline that huma sets on a body would end a request that takes longer
		// than that to answer. The HTTPS door has its own.
		BodyReadTimeout: -1,
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		o, err := handle(ctx, in)
		if err != nil {
			return nil, a.problem(ctx, err)
		}
		return o, nil
	})
}

func tag(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > 2 {
		return parts[2]
	}
	return parts[0]
}

// problem turns an error into an answer, logs what its sentence leaves out, and puts
// on record who asked for what is not there for him.
func (a *API) problem(ctx context.Context, err error) *portal.Problem {
	var p *portal.Problem
	if errors.As(err, &p) { // it knows its status
		p.Request = logging.Request(ctx)
		return p
	}
	p = portal.ProblemOf(err)
	p.Request = logging.Request(ctx)
	switch fault.KindOf(err) {
	case fault.Internal, fault.Damaged, fault.Full:
		a.Log.ErrorContext(ctx, "api: request failed", "error", err)
	case fault.NotFound:
		a.missed(ctx)
	}
	return p
}

// refuse answers with a problem where no operation does it.
func (a *API) refuse(ctx context.Context, w http.ResponseWriter, err error) {
	write(w, a.problem(ctx, err))
}

func write(w http.ResponseWriter, p *portal.Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller is gone when this fails
}

// local refuses callers that are not on the gateway's machine.
func local(ctx context.Context) error {
	if !caller(ctx).Local {
		return fault.New(fault.Denied, "api", "this can be done on the gateway's own machine only")
	}
	return nil
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
