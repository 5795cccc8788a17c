// Package access says who asks something of the gateway, and who may ask for what.
//
// A Caller is an operator or somebody of an account, known by a token or by a
// session; the control socket is an operator on the machine. One table (rights.go)
// gives each operation of the API its right, and each right its roles; an operation
// that is not in it is not there. Dangerous operations ask a person who is signed in
// to have proved lately that it is he.
//
// Whose a thing is, is another question than what a role may do: Own answers it,
// and what is not the caller's own is not there for him.
package access

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/account/person"
	"sealgate/internal/fault"
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
	Role    account.Role

	Login uuid.UUID // Nil for a token; an operator has one, too

	// Of a person who is signed in.
	Session  uuid.UUID // Nil for a token and for the control socket
	ProvedAt time.Time // when he last proved who he is, with all that his login asks for

	Source string // where a file comes from that he sends: "portal" or "api"
	Name   string // whose requests are counted together: the id of the token or the login
}

// ControlSocket is the caller behind the control socket: its mode lets in only
// who runs the machine.
var ControlSocket = Caller{Actor: "operator:control-socket", Operator: true, Local: true}

// Share is who has what is shared out together with others: an account as a whole,
// and each operator.
func (c Caller) Share() string {
	if c.Account != uuid.Nil {
		return c.Account.String()
	}
	return c.Name
}

type callerKey struct{}

// With is a context in which c asks.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// Of is who asks; nobody when that was never said.
func Of(ctx context.Context) Caller {
	c, _ := ctx.Value(callerKey{}).(Caller)
	return c
}

// Own tells whether the caller may see that this account has something.
func Own(ctx context.Context, account uuid.UUID) bool {
	c := Of(ctx)
	return c.Operator || account != uuid.Nil && c.Account == account
}

// Authenticator finds out who sends a request. Whoever it does not know is
// fault.Denied; who has tried too often is fault.TryLater.
type Authenticator interface {
	Caller(ctx context.Context, r *http.Request) (Caller, error)
}

// Chain asks for a token when a request shows one, and else for the session. A
// request is never both: a program's token is not mended by a cookie that happens
// to be there.
func Chain(token, session Authenticator) Authenticator { return chain{token, session} }

type chain struct{ token, session Authenticator }

func (c chain) Caller(ctx context.Context, r *http.Request) (Caller, error) {
	if _, shown := r.Header["Authorization"]; shown {
		return c.token.Caller(ctx, r)
	}
	return c.session.Caller(ctx, r)
}

type stillKey struct{}

// WithStill is a context in which look tells whether the caller may still be one.
func WithStill(ctx context.Context, look func(context.Context) error) context.Context {
	return context.WithValue(ctx, stillKey{}, look)
}

// Still looks whether who asked may still ask: a session ends, a token is removed. It
// is for what goes on for hours. Who may not is told what somebody is told who is not
// signed in.
func Still(ctx context.Context) error {
	look, ok := ctx.Value(stillKey{}).(func(context.Context) error)
	if !ok {
		return nil
	}
	err := look(ctx)
	if fault.Is(err, fault.Denied) {
		return portal.SignInProblem(fault.Message(err), "").Err()
	}
	return err
}

// Allowed refuses dangerous operations to whom they are not for: the program of an
// operator, whose token would else make itself a person or an admin of any account,
// and a person who has not proved lately who he is.
func Allowed(ctx context.Context, operation string, now time.Time) error {
	c := Of(ctx)
	switch {
	case !dangerous[operation]:
		return nil
	case c.Operator && !c.Local && c.Session == uuid.Nil && !forPrograms[operation]:
		return fault.New(fault.Denied, "access", "an operator's token may not do this: sign in to the portal, or do it on the gateway's machine")
	}
	return Proved(ctx, now)
}

// Proved refuses a person whose last proof of who he is lies too far back, with a
// problem of the type step-up. Programs have nothing to prove again, and who has
// the machine has everything.
func Proved(ctx context.Context, now time.Time) error {
	c := Of(ctx)
	if c.Session == uuid.Nil || now.Sub(c.ProvedAt).Abs() <= person.ProofFor {
		return nil
	}
	return portal.StepUpProblem()
}

// OnTheMachine refuses callers that are not on the gateway's machine, where what is
// asked for depends on what is in the request.
func OnTheMachine(ctx context.Context) error { return Of(ctx).May(OnMachine) }
