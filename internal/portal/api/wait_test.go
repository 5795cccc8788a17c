package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

// once lets somebody in one time.
type once struct {
	access.Caller
	asked int
}

func (o *once) is(context.Context, *http.Request) (access.Caller, error) {
	if o.asked++; o.asked > 1 {
		return access.Caller{}, fault.New(fault.Denied, "test", "the token was removed")
	}
	return o.Caller, nil
}

type authenticator func(context.Context, *http.Request) (access.Caller, error)

func (a authenticator) Caller(ctx context.Context, r *http.Request) (access.Caller, error) {
	return a(ctx, r)
}

// Who waits for hours waits as long as he may; a token is dead at once.
func TestWhoIsGoneDoesNotWaitOn(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	f := h.keptFile("acme")
	h.api.patience = time.Millisecond
	who := &once{Caller: access.Caller{Actor: "x", Name: "x", Account: h.account("acme").ID, Role: account.Reader}}
	r := httptest.NewRequest("GET", operation.Prefix+"/files/"+f.ID.String()+"/wait?until=delivered&timeout=60", nil)
	w := httptest.NewRecorder()
	h.api.Authenticated(authenticator(who.is)).ServeHTTP(w, r)
	if p := problem(t, w); w.Code != http.StatusUnauthorized || p.Type != "urn:sealgate:problem:sign-in" {
		t.Errorf("by a token: %d %+v", w.Code, p)
	}
	// A page speaks for a session: what the door in front says of it holds.
	ctx := access.WithStill(access.With(t.Context(), who.Caller), func(context.Context) error {
		return fault.New(fault.Denied, "test", "the session is over")
	})
	w = httptest.NewRecorder()
	h.api.Inside().ServeHTTP(w, r.WithContext(ctx))
	if p := problem(t, w); w.Code != http.StatusUnauthorized || p.Type != "urn:sealgate:problem:sign-in" {
		t.Errorf("by a session: %d %+v", w.Code, p)
	}
	// What an operator sends is no file when he is gone at its end.
	program := &once{Caller: access.Caller{Actor: "y", Name: "y", Operator: true}}
	w = httptest.NewRecorder()
	h.api.Authenticated(authenticator(program.is)).ServeHTTP(w, httptest.NewRequest("POST", operation.Prefix+"/accounts/acme/outbox?name=a.xml", http.NoBody))
	var waiting []any
	h.want(http.StatusOK, "GET", "/accounts/acme/outbox", nil, &waiting)
	if w.Code != http.StatusUnauthorized || len(waiting) != 0 {
		t.Errorf("to the outbox: %d, %d files wait", w.Code, len(waiting))
	}
}

func TestWaitsAreTheSlowerTheLongerTheyTake(t *testing.T) {
	for waited, want := range map[time.Duration]time.Duration{0: waitFirst, time.Second: waitFirst, 10 * time.Second: 500 * time.Millisecond, time.Hour: waitMost} {
		if got := waitStep(waited); got != want {
			t.Errorf("after %s: %s", waited, got)
		}
	}
}
