package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/account/signin"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

func TestTooManyRequestsAreToldWhenToComeAgain(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	one, other := h.token("acme", "one", account.Reader), h.token("acme", "other", account.Reader)
	last := func(token string, requests int) (w *httptest.ResponseRecorder) {
		for range requests {
			w = h.by(token, "GET", "/nothing", "")
		}
		return w
	}
	if w := last(one, int(operation.RequestRate.Burst)); w.Code != http.StatusNotFound {
		t.Fatalf("%d", w.Code)
	}
	w := last(one, 1)
	if p := problem(t, w); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" || p.Status != w.Code || !fault.Is(p.Err(), fault.TryLater) {
		t.Errorf("%d %v %+v", w.Code, w.Header(), p)
	}
	if w := last(other, 1); w.Code != http.StatusNotFound {
		t.Errorf("another token: %d", w.Code)
	}
	h.world.Clock.Add(time.Second)
	if w := last(one, 1); w.Code != http.StatusNotFound {
		t.Errorf("a second later: %d", w.Code)
	}
	for range int(operation.RequestRate.Burst) + 1 { // who runs the machine has no limit
		h.want(http.StatusNotFound, "GET", "/nothing", nil, nil)
	}

	// Who shows wrong tokens is sent away for longer; a right one goes on.
	for range 30 {
		if w := h.by(signin.NewToken(), "GET", "/files", ""); w.Code != http.StatusUnauthorized {
			t.Fatalf("%d", w.Code)
		}
	}
	if w := h.by(signin.NewToken(), "GET", "/files", ""); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "30" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w := h.by(other, "GET", "/files", ""); w.Code != http.StatusOK {
		t.Errorf("%d", w.Code)
	}
}

// The key store is everybody's: the programs of one account do not rewrite it in a loop.
func TestAnAccountDoesNotWriteTheKeyStoreInALoop(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"acme", "beta"} {
		h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: name}, nil)
	}
	one, other, beta := h.token("acme", "one", account.Admin), h.token("acme", "other", account.Admin), h.token("beta", "one", account.Admin)
	write := func(token, name string) int {
		return h.by(token, "DELETE", "/accounts/"+name+"/webhooks/none", "").Code
	}
	for range int(operation.KeyRate.Burst) {
		if code := write(one, "acme"); code != http.StatusNotFound {
			t.Fatalf("%d", code)
		}
	}
	for _, token := range []string{one, other} {
		if code := write(token, "acme"); code != http.StatusTooManyRequests {
			t.Errorf("%d", code)
		}
	}
	if code := write(beta, "beta"); code != http.StatusNotFound {
		t.Errorf("another account: %d", code)
	}
	h.want(http.StatusNotFound, "DELETE", "/accounts/acme/webhooks/none", nil, nil) // who has the machine
	h.world.Clock.Add(operation.KeyRate.Every)
	if code := write(one, "acme"); code != http.StatusNotFound {
		t.Errorf("a moment later: %d", code)
	}
}

// brokenDoor cannot tell who is there.
type brokenDoor struct{ err error }

func (b brokenDoor) Caller(context.Context, *http.Request) (access.Caller, error) {
	return access.ControlSocket, b.err
}

func TestWhoIsNotKnownForSureIsNotServed(t *testing.T) {
	h := newHouse(t)
	for err, want := range map[error]int{
		fault.New(fault.Internal, "test", "the disk is gone"): http.StatusInternalServerError,
		fault.New(fault.Locked, "test", "no key"):             http.StatusLocked,
		context.Canceled: http.StatusInternalServerError,
	} {
		w := httptest.NewRecorder()
		h.api.Authenticated(brokenDoor{err}).ServeHTTP(w, httptest.NewRequest("GET", operation.Prefix+"/files", nil))
		if w.Code != want {
			t.Errorf("%v: %d", err, w.Code)
		}
	}
}
