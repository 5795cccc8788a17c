package operation

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"sealgate/internal/fault"
	"sealgate/internal/portal/access"
)

// None is the input of operations that take nothing and the output of those that
// give nothing.
type None struct{}

// Out wraps an answer's body.
type Out[T any] struct{ Body T }

// Answer is an answer with this body.
func Answer[T any](body T) *Out[T] { return &Out[T]{body} }

// ByName and ByID are parts of paths: an account, and whatever has an id. (Fields of
// an embedded type are filled only when it is exported.)
type ByName struct {
	Name string `path:"name"`
}

// ByID names a thing by its id.
type ByID struct {
	ID string `path:"id"`
}

// Register adds one operation; more, when given, says more about it in the API's
// description. It panics when its id has no right.
func Register[I, O any](r *Router, method, path, id, summary string, handle func(context.Context, *I) (*O, error), more ...More) {
	op := huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag(path)},
		Description: describe(id),
		Middlewares: huma.Middlewares{r.guarded(id, path)},
		// The deadline that huma sets on a body would end a request that takes longer
		// than that to answer. The HTTPS door has its own.
		BodyReadTimeout: -1,
	}
	if method == http.MethodPost && !access.TakesKeysOut(id) {
		Asks("header", keyHeader, "done once under this key, for a day: the same request again has the same answer, or, when a secret stood in that, 409", false)(&op)
	}
	for _, say := range more {
		say(&op)
	}
	huma.Register(r.huma, op, func(ctx context.Context, in *I) (*O, error) {
		o, err := handle(ctx, in)
		if err != nil {
			return nil, r.Problem(ctx, err)
		}
		return o, nil
	})
}

// guarded is guard for the operations that huma reads and writes. It stands before
// anything of the request is read.
func (r *Router) guarded(id, path string) func(huma.Context, func(huma.Context)) {
	mustHaveRight(id)
	return func(hc huma.Context, next func(huma.Context)) {
		req, w := humago.Unwrap(hc)
		ctx, err := r.guard(id, path, req)
		if err != nil {
			r.Refuse(ctx, w, err)
			return
		}
		_, again := req.Header[keyHeader]
		if again && access.TakesKeysOut(id) {
			r.Refuse(ctx, w, fault.New(fault.Invalid, "api: once", "this operation takes no Idempotency-Key: its answer holds a private key, which is not kept"))
			return
		}
		if again && req.Method == http.MethodPost {
			r.once(w, req.WithContext(ctx), id, func(w http.ResponseWriter, req *http.Request) {
				next(humago.NewContext(hc.Operation(), req, w))
			})
			return
		}
		next(huma.WithContext(hc, ctx))
	}
}

// Stream adds an operation that reads and writes bytes by itself: they go through at
// any length without being held. An error that it returns is answered.
func (r *Router) Stream(method, path, id, summary string, handle func(http.ResponseWriter, *http.Request) error, more ...More) {
	r.Mount(method, path, id, summary, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := handle(w, req); err != nil {
			r.Refuse(req.Context(), w, err)
		}
	}), more...)
}

// Mount adds an operation that reads and writes by itself: its right is asked for
// before it sees the request. A path may end in "{name...}". It panics when its id
// has no right.
func (r *Router) Mount(method, path, id, summary string, h http.Handler, more ...More) {
	mustHaveRight(id)
	r.mux.HandleFunc(method+" "+Prefix+path, func(w http.ResponseWriter, req *http.Request) {
		ctx, err := r.guard(id, path, req)
		if err != nil {
			r.Refuse(ctx, w, err)
			return
		}
		if _, again := req.Header[keyHeader]; again {
			r.Refuse(ctx, w, fault.New(fault.Invalid, "api: once", "this operation takes no Idempotency-Key; an upload by tus can be asked for again, and makes one file"))
			return
		}
		h.ServeHTTP(w, req.WithContext(ctx))
	})
	op := &huma.Operation{
		OperationID: id, Method: method, Path: strings.ReplaceAll(path, "...}", "}"), Summary: summary, Tags: []string{tag(path)},
		Description: describe(id),
		Responses:   r.problems(),
	}
	for _, part := range strings.Split(op.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
			})
		}
	}
	for _, say := range more {
		say(op)
	}
	r.huma.OpenAPI().AddOperation(op)
}

// describe says for whom an operation is.
func describe(id string) string {
	text := access.RightTo(id).String()
	if access.Dangerous(id) {
		text += " A person proves who he is first (step-up)."
	}
	return text
}

func tag(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > 2 {
		return parts[2]
	}
	return parts[0]
}
