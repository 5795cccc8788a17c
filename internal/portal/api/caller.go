package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/logging"
	"sealgate/internal/portal"
)

// Caller is who asks: an operator, or somebody of an account. Nobody has none of
// both, and may do nothing.
type Caller struct {
	Actor    string // as audit entries name it
	Operator bool   // runs the gateway
	Local    bool   // is on the gateway's machine

	// Of an account's own people.
	Account uuid.UUID
	Login   uuid.UUID // Nil for a token
	Role    account.Role

	Source string // where a file comes from that he sends: "portal" or "api"
	Name   string // whose requests are counted together: the id of the token
}

// ControlSocket is the caller behind the control socket: its mode lets in only
// who runs the machine.
var ControlSocket = Caller{Actor: "operator:control-socket", Operator: true, Local: true}

// Authenticator finds out who sends a request. Whoever it does not know is
// fault.Denied; who has tried too often is fault.TryLater.
type Authenticator interface {
	Caller(ctx context.Context, r *http.Request) (Caller, error)
}

type callerKey struct{}

func caller(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// CallerOf is who asks, for handlers that are mounted beside the operations.
func CallerOf(ctx context.Context) Caller { return caller(ctx) }

// Handler answers for one caller.
func (a *API) Handler(c Caller) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, begin(w, r), c) })
}

// Authenticated answers for whoever auth says it is. To everybody else the answer
// to everything is 401: nothing of the request was looked at.
func (a *API) Authenticated(auth Authenticator) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = begin(w, r)
		ctx := r.Context()
		c, err := auth.Caller(ctx, r)
		switch {
		case fault.Is(err, fault.Denied):
			w.Header().Set("WWW-Authenticate", `Bearer realm="sealgate"`)
			write(w, portal.SignInProblem(fault.Message(err), logging.Request(ctx)))
		case fault.Is(err, fault.TryLater):
			slowDown(w, r, fault.Message(err), signInWait)
		case err != nil:
			a.refuse(ctx, w, err)
		default:
			a.serve(w, r, c)
		}
	})
}

// signInWait is what who tried too often is told to wait.
const signInWait = 30 * time.Second

// begin gives a request an id when it has none, and its answer what every answer
// carries.
func begin(w http.ResponseWriter, r *http.Request) *http.Request {
	ctx := r.Context()
	if logging.Request(ctx) == "" { // the HTTPS door has given it one
		id := strings.ReplaceAll(uuid.NewString(), "-", "")[:16]
		w.Header().Set("X-Request-Id", id)
		ctx = logging.WithRequest(ctx, id)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return r.WithContext(ctx)
}

// serve answers a caller, as fast as he may ask.
func (a *API) serve(w http.ResponseWriter, r *http.Request, c Caller) {
	if !c.Local {
		if wait := a.requests.take(c.Name); wait > 0 {
			slowDown(w, r, "too many requests at once", wait)
			return
		}
	}
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
	begun := a.Now()
	a.mux.ServeHTTP(w, r)
	a.Log.DebugContext(r.Context(), "api", "method", r.Method, "route", r.Pattern, "took", a.Now().Sub(begun))
}

// slowDown tells somebody when to come again.
func slowDown(w http.ResponseWriter, r *http.Request, sentence string, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	p := portal.ProblemOf(fault.New(fault.TryLater, "api", "%s", sentence))
	p.Status, p.Request = http.StatusTooManyRequests, logging.Request(r.Context())
	write(w, p)
}
