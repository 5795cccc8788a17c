// Package enrol makes a Connect the agent of an account, with a code that somebody
// at the gateway made.
//
// The code names the gateway's identity, so that nobody between can pose as it, and
// its secret is never sent. The agent's keys are on the disk before the request goes
// out: when the answer is not heard, the same code makes the same agent again.
package enrol

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"time"

	"sealgate/internal/agent/home"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
)

// Request is what somebody enrols with.
type Request struct {
	Gateway  string // URL
	Code     string
	Proxy    string
	CA       []byte // PEM
	Platform string // as "windows/amd64"
	Program  string // as "connect 1.2.0"
	Now      func() time.Time
}

// Enrol enrols and keeps in the home what was learned.
func Enrol(ctx context.Context, h home.Home, q Request) (home.Enrolment, error) {
	const op = "enrol"
	var none home.Enrolment
	code, err := connect.ParseCode(q.Code)
	if err != nil {
		return none, err
	}
	client, err := wire.New(wire.Options{Gateway: q.Gateway, Pinned: code.Gateway, Proxy: q.Proxy, CA: q.CA, Now: q.Now})
	if err != nil {
		return none, err
	}
	defer client.Close()
	doc, err := client.Gateway(ctx)
	if err != nil {
		return none, explained(client, err)
	}
	identity := ed25519.PublicKey(doc.Identity)
	keys, err := h.Pending()
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Damaged) {
		if keys, err = connect.NewAgentKeys(); err == nil {
			err = h.SetPending(keys)
		}
	}
	if err != nil {
		return none, err
	}
	ask := connect.NewEnrolment(code, keys, q.Platform, q.Program)
	body, err := json.Marshal(ask)
	if err != nil {
		return none, fault.Wrap(fault.Internal, op, err)
	}
	answer, err := client.Post(ctx, connect.PathEnroll, body, identity)
	if err != nil {
		return none, explained(client, err)
	}
	agent, account, err := ask.Accepted(code, keys, identity, answer)
	if err != nil {
		return none, err
	}
	e := home.Enrolment{
		Gateway: q.Gateway, Identity: identity, Agent: agent, Account: account.ID, Name: account.Name, Label: account.Agent,
		CA: string(q.CA), SignKey: keys.Sign.Public().(ed25519.PublicKey), At: q.Now().UTC(),
	}
	if err := h.SetEnrolled(e); err != nil {
		return none, err
	}
	return e, h.Settle()
}

// explained gives an error of the wire its sentence, and keeps its kind.
func explained(c *wire.Client, err error) error {
	return &Error{Trouble: c.Explain(err), err: err}
}

// Error is a failure on the wire, with its sentence.
type Error struct {
	wire.Trouble
	err error
}

// Error implements error.
func (e *Error) Error() string { return e.Sentence }

// Answered reports whether the gateway was heard at all.
func (e *Error) Answered() bool {
	return errors.As(e.err, new(*connect.Problem)) || !e.Everyone
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.err }

// Spoken is the sentence.
func (e *Error) Spoken() string { return e.Sentence }
