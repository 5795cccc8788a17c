package access

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account/person"
	"sealgate/internal/portal"
)

// named lets everybody in, under its own name.
type named string

func (n named) Caller(context.Context, *http.Request) (Caller, error) {
	return Caller{Name: string(n)}, nil
}

// A request that shows a token, even a wrong or an empty one, is never one of the
// session that the browser sends along.
func TestATokenIsNotMendedByACookie(t *testing.T) {
	both := Chain(named("token"), named("session"))
	for want, headers := range map[string][]string{"session": nil, "token": {""}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if headers != nil {
			r.Header["Authorization"] = headers
		}
		if c, err := both.Caller(t.Context(), r); err != nil || c.Name != want {
			t.Errorf("with %q it is %s, %v", headers, c.Name, err)
		}
	}
}

func TestProofs(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for proved, want := range map[time.Time]bool{
		now: true, now.Add(-person.ProofFor): true, now.Add(-person.ProofFor - 1): false, {}: false,
		now.Add(time.Hour): false, // the clock was set back: nobody knows how old it is
	} {
		err := Proved(With(t.Context(), Caller{Session: uuid.New(), ProvedAt: proved}), now)
		if (err == nil) != want || err != nil && !portal.IsStepUp(err) {
			t.Errorf("proved at %s: %v", proved, err)
		}
	}
	for _, c := range []Caller{ControlSocket, {Name: "a token"}} {
		if err := Proved(With(t.Context(), c), now); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestTheTablesAgree(t *testing.T) {
	for id := range dangerous {
		if RightTo(id) == 0 {
			t.Errorf("%s is dangerous and not there", id)
		}
	}
	if len(Operations()) < 80 || RightTo("nothing") != 0 {
		t.Errorf("%d operations", len(Operations()))
	}
}
