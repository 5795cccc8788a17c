package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/account/signin"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
)

func TestLimiter(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	l := newLimiter(rate{burst: 3, every: time.Second}, func() time.Time { return now })
	take := func(name string, times int) (taken int, wait time.Duration) {
		for range times {
			if wait = l.take(name); wait > 0 {
				return taken, wait
			}
			taken++
		}
		return taken, 0
	}
	if n, wait := take("a", 10); n != 3 || wait != time.Second {
		t.Errorf("%d at once, then %s", n, wait)
	}
	if n, _ := take("b", 3); n != 3 {
		t.Error("one caller spends what another has")
	}
	now = now.Add(1500 * time.Millisecond)
	if n, wait := take("a", 10); n != 1 || wait != 500*time.Millisecond {
		t.Errorf("%d after 1.5 s, then %s", n, wait)
	}
	now = now.Add(-time.Hour) // the clock is set back
	if n, _ := take("a", 10); n != 0 {
		t.Errorf("%d for a clock that was set back", n)
	}
	now = now.Add(time.Second)
	if n, _ := take("a", 10); n != 1 {
		t.Errorf("%d a second later", n)
	}
	now = now.Add(24 * time.Hour)
	if n, _ := take("a", 10); n != 3 {
		t.Errorf("%d a day later", n)
	}
	for i := range maxBuckets {
		l.take(strconv.Itoa(i))
	}
	now = now.Add(time.Hour)
	l.take("one more")
	if len(l.buckets) > 2 {
		t.Errorf("%d buckets are remembered", len(l.buckets))
	}
}

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
	if w := last(one, int(requestRate.burst)); w.Code != http.StatusNotFound {
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
	for range int(requestRate.burst) + 1 { // who runs the machine has no limit
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

// brokenDoor cannot tell who is there.
type brokenDoor struct{ err error }

func (b brokenDoor) Caller(context.Context, *http.Request) (Caller, error) {
	return ControlSocket, b.err
}

func TestWhoIsNotKnownForSureIsNotServed(t *testing.T) {
	h := newHouse(t)
	for err, want := range map[error]int{
		fault.New(fault.Internal, "test", "the disk is gone"): http.StatusInternalServerError,
		fault.New(fault.Locked, "test", "no key"):             http.StatusLocked,
		context.Canceled: http.StatusInternalServerError,
	} {
		w := httptest.NewRecorder()
		h.api.Authenticated(brokenDoor{err}).ServeHTTP(w, httptest.NewRequest("GET", Prefix+"/files", nil))
		if w.Code != want {
			t.Errorf("%v: %d", err, w.Code)
		}
	}
}
