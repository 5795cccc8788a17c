package api

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
)

// A person who has not proved lately that it is he is asked to, in every operation
// that is marked and before anything of it is looked at. Programs are not.
func TestDangerousOperationsAskForProof(t *testing.T) {
	h := newHouse(t)
	h.mountUploads()
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	now := h.world.Clock.Now()
	asked := 0
	for _, op := range h.operations() {
		if (access.Caller{Operator: true, Session: uuid.New()}).May(access.RightTo(op.id)) != nil {
			continue
		}
		who := access.Caller{Actor: "somebody", Name: "somebody", Operator: true, Session: uuid.New(), ProvedAt: now.Add(-6 * time.Minute)}
		var p portal.Problem
		body := contents[op.id]
		code := h.ask(who, op.method, op.filled(nowhere), body, nil)
		if access.Dangerous(op.id) {
			asked++
			h.ask(who, op.method, op.filled(nowhere), body, &p)
			if code != http.StatusForbidden || !portal.IsStepUp(p.Err()) || p.Request == "" {
				t.Errorf("%s is done without proof: %d %+v", op.id, code, p)
			}
			who.ProvedAt = now.Add(-4 * time.Minute)
			if code := h.ask(who, op.method, op.filled(nowhere), body, nil); code == http.StatusForbidden {
				t.Errorf("%s is not done with proof", op.id)
			}
			who.Session = uuid.Nil
			if code := h.ask(who, op.method, op.filled(nowhere), body, nil); (code == http.StatusForbidden) != slices.Contains(notForOperatorTokens, op.id) {
				t.Errorf("%s, by a program of an operator: %d", op.id, code)
			}
		} else if code == http.StatusForbidden && op.id != "set-account" {
			t.Errorf("%s wants proof and is not marked", op.id)
		}
		h.world.Clock.Add(time.Nanosecond)
	}
	if asked < 18 {
		t.Errorf("only %d are marked", asked)
	}
}

func TestChangesOfAnAccountThatAskForProof(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	admin := access.Caller{Actor: "somebody", Name: "somebody", Account: h.account("acme").ID, Role: account.Admin, Session: uuid.New()}
	for body, want := range map[string]int{
		`{"content":"delete"}`: http.StatusForbidden, `{"operator_access":"on"}`: http.StatusForbidden, `{"operator_access":"off"}`: http.StatusForbidden,
		`{"keep_for":"500d"}`: http.StatusForbidden, `{"key_period":"year"}`: http.StatusForbidden,
		`{"require_second_factor":false}`: http.StatusForbidden, `{"outbox_keep_for":"1h"}`: http.StatusForbidden,
		`{"receipts":true}`: http.StatusOK, `{"in_show_for":"8d"}`: http.StatusOK, `{"outbox_keep_for":"31d","receipts":false}`: http.StatusOK, `{"require_second_factor":true}`: http.StatusOK,
	} {
		h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]any{"require_second_factor": true, "outbox_keep_for": "30d"}, nil)
		if code := h.ask(admin, "PATCH", "/accounts/acme", body, nil); code != want {
			t.Errorf("%s without proof: %d", body, code)
		}
		proved := admin
		proved.ProvedAt = h.world.Clock.Now()
		if code := h.ask(proved, "PATCH", "/accounts/acme", body, nil); code != http.StatusOK {
			t.Errorf("%s with proof: %d", body, code)
		}
	}
}

// What a customer holds the keys of is not opened for operators by a token alone.
func TestOperatorAccessTakesAPerson(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme", Keys: "customer"}, nil)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "beta"}, nil)
	token := access.Caller{Actor: "token:x", Name: "x", Operator: true}
	person := access.Caller{Actor: "y", Name: "y", Operator: true, Session: uuid.New(), ProvedAt: h.world.Clock.Now()}
	for _, c := range []struct {
		who           access.Caller
		account, body string
		want          int
	}{
		{token, "acme", `{"operator_access":"on"}`, http.StatusForbidden},
		{token, "acme", `{"operator_access":"asked"}`, http.StatusForbidden},
		{token, "acme", `{"operator_access":"off"}`, http.StatusOK},
		{token, "acme", `{"content":"delete"}`, http.StatusOK},
		{person, "beta", `{"require_second_factor":true}`, http.StatusOK},
		{token, "beta", `{"require_second_factor":false}`, http.StatusForbidden}, // a password alone would do
		{person, "beta", `{"require_second_factor":false}`, http.StatusOK},
		{token, "beta", `{"operator_access":"on"}`, http.StatusOK},         // it is on already
		{person, "acme", `{"operator_access":"on"}`, http.StatusForbidden}, // the account lets operators in, not they themselves
		{person, "acme", `{"operator_access":"asked"}`, http.StatusOK},
		{access.ControlSocket, "acme", `{"operator_access":"on"}`, http.StatusOK},
	} {
		if code := h.ask(c.who, "PATCH", "/accounts/"+c.account, c.body, nil); code != c.want {
			t.Errorf("%s, %s %s: %d, want %d", c.who.Actor, c.account, c.body, code, c.want)
		}
	}
}
