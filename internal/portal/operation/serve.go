package operation

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/logging"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
)

// Handler answers for one caller.
func (r *Router) Handler(c access.Caller) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.serve(w, begin(w, req), c) })
}

// Authenticated answers for whoever auth says it is. To everybody else the answer
// to everything is 401: nothing of the request was looked at.
func (r *Router) Authenticated(auth access.Authenticator) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req = begin(w, req)
		ctx := req.Context()
		c, err := auth.Caller(ctx, req)
		switch {
		case fault.Is(err, fault.Denied):
			nobody(w, req, fault.Message(err))
		case fault.Is(err, fault.TryLater):
			slowDown(w, req, fault.Message(err), signInWait)
		case err != nil:
			r.Refuse(ctx, w, err)
		default:
			still := func(ctx context.Context) error {
				_, err := auth.Caller(ctx, req.WithContext(ctx))
				return err
			}
			r.serve(w, req.WithContext(access.WithStill(ctx, still)), c)
		}
	})
}

// Inside answers for who stands in the request's context already (access.With and
// access.WithStill): the portal, which has found out who asks, speaks for him.
func (r *Router) Inside() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req = begin(w, req)
		c := access.Of(req.Context())
		if c == (access.Caller{}) {
			nobody(w, req, "nobody is signed in")
			return
		}
		r.serve(w, req, c)
	})
}

func nobody(w http.ResponseWriter, req *http.Request, sentence string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="sealgate"`)
	write(w, portal.SignInProblem(sentence, logging.Request(req.Context())))
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
func (r *Router) serve(w http.ResponseWriter, req *http.Request, c access.Caller) {
	if !c.Local {
		if wait := r.requests.Take(c.Name); wait > 0 {
			slowDown(w, req, "too many requests at once", wait)
			return
		}
	}
	t := &tally{ResponseWriter: w, operation: "none"}
	req = req.WithContext(context.WithValue(access.With(req.Context(), c), tallyKey{}, t))
	begun := r.opt.Now()
	defer t.end()
	r.mux.ServeHTTP(t, req)
	took := r.opt.Now().Sub(begun)
	r.opt.Log.DebugContext(req.Context(), "api", "operation", t.operation, "status", t.status, "took", took)
	if r.observe != nil {
		r.observe(t.operation, cmp.Or(t.status, http.StatusOK), took)
	}
}

// tally notes what was asked and how it went.
type tally struct {
	http.ResponseWriter
	operation string
	status    int
	leave     func() // gives back the places that the request took; nil = it has none
}

func (t *tally) end() {
	if t.leave != nil {
		t.leave()
	}
}

type tallyKey struct{}

func (t *tally) WriteHeader(status int) {
	if t.status == 0 && status >= http.StatusOK {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

// Unwrap is for [http.ResponseController].
func (t *tally) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// slowDown tells somebody when to come again.
func slowDown(w http.ResponseWriter, r *http.Request, sentence string, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	p := tooMany(sentence)
	p.Request = logging.Request(r.Context())
	write(w, p)
}

// tooMany is the problem of who asks for more than he may at a time.
func tooMany(sentence string) *portal.Problem {
	p := portal.ProblemOf(fault.New(fault.TryLater, "api", "%s", sentence))
	p.Status = http.StatusTooManyRequests
	return p
}
