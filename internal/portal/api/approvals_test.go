package api

import (
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/account/approval"
	"sealgate/internal/audit"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/trail"
)

// What an account wants to approve first, operators see while it does, and not a
// moment longer.
func TestOperatorsLookOnlyWhileTheAccountAllowsIt(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "other"}, nil)
	f := h.keptFile("acme")
	h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": "asked"}, nil)
	now := h.world.Clock.Now
	op := access.Caller{Actor: uuid.NewString(), Name: "op", Operator: true, Session: uuid.New(), ProvedAt: now()}
	admin := access.Caller{Actor: uuid.NewString(), Name: "admin", Account: f.Account, Role: account.Admin, Session: uuid.New(), ProvedAt: now()}
	looks := func(want int) {
		t.Helper()
		if code := h.ask(op, "GET", "/accounts/acme/payments", "", nil); code != want {
			t.Fatalf("an operator's look: %d, want %d", code, want)
		}
	}
	does := func(c access.Caller, want int, path, body string, out any) {
		t.Helper()
		if code := h.ask(c, "POST", "/accounts/acme/approvals"+path, body, out); code != want {
			t.Fatalf("POST %s: %d, want %d", path, code, want)
		}
	}
	looks(http.StatusForbidden)
	for _, bad := range []string{`{"reason":""}`, `{"reason":"  "}`, `{"reason":"a\nb"}`, `{"reason":"x","for":"8d"}`, `{"reason":"x","for":"1s"}`, `{"reason":"` + strings.Repeat("å", 501) + `"}`} {
		does(op, http.StatusBadRequest, "", bad, nil)
	}
	does(admin, http.StatusForbidden, "", `{"reason":"x"}`, nil)
	var a portal.Approval
	does(op, http.StatusOK, "", `{"reason":"Ärende 4711","for":"2h"}`, &a)
	if a.State != "asked" || *a.Reason != "Ärende 4711" || a.For.String() != "2h" || a.Account != "acme" {
		t.Fatalf("%+v", a)
	}
	does(op, http.StatusConflict, "", `{"reason":"again"}`, nil)
	looks(http.StatusForbidden)

	var glance portal.Overview
	if h.ask(admin, "GET", "/accounts/acme/overview", "", &glance); len(glance.Attention) == 0 || glance.Attention[0].Code != "access-asked" || glance.Attention[0].Object != a.ID {
		t.Errorf("the overview says %+v", glance.Attention)
	}

	at := "/" + a.ID
	does(op, http.StatusForbidden, at+"/allow", "", nil) // who asks does not answer
	token := admin
	token.Role, token.Session = account.Approver, uuid.Nil
	does(token, http.StatusForbidden, at+"/allow", "", nil)
	late := admin
	late.ProvedAt = now().Add(-time.Hour)
	var p portal.Problem
	for _, verb := range []string{"/allow", "/refuse"} {
		if does(late, http.StatusForbidden, at+verb, "", &p); p.Type != "urn:sealgate:problem:step-up" {
			t.Errorf("%s without a fresh proof: %+v", verb, p)
		}
	}
	if code := h.ask(access.ControlSocket, "POST", "/accounts/other/approvals"+at+"/allow", "", nil); code != http.StatusNotFound {
		t.Errorf("by another account: %d", code)
	}
	does(admin, http.StatusOK, at+"/allow", "", &a)
	if a.State != "allowed" || !a.Until.Equal(a.AnsweredAt.Add(2*time.Hour)) {
		t.Errorf("%+v", a)
	}
	looks(http.StatusOK)
	does(admin, http.StatusConflict, at+"/allow", "", nil)
	does(admin, http.StatusConflict, at+"/refuse", "", nil)
	var shown portal.Account
	if h.ask(op, "GET", "/accounts/acme", "", &shown); shown.ApprovedUntil == nil || !shown.ApprovedUntil.Equal(a.Until) {
		t.Errorf("the account says %v", shown.ApprovedUntil)
	}
	h.world.Clock.Add(2*time.Hour - time.Second)
	looks(http.StatusOK)
	h.world.Clock.Add(time.Second)
	looks(http.StatusForbidden) // by itself, swept or not
	does(admin, http.StatusConflict, at+"/end", "", nil)
	if err := (&approval.Service{Catalog: h.world.Catalog, Custody: h.world.Keys, Now: now}).Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}

	// A second one, ended by the account; a third, refused; a fourth, never answered.
	op.ProvedAt, admin.ProvedAt = now(), now()
	does(op, http.StatusOK, "", `{"reason":"b"}`, &a)
	does(admin, http.StatusOK, "/"+a.ID+"/allow", "", &a)
	looks(http.StatusOK)
	does(admin, http.StatusOK, "/"+a.ID+"/end", "", &a)
	looks(http.StatusForbidden)
	does(op, http.StatusOK, "", `{"reason":"c"}`, &a)
	does(admin, http.StatusOK, "/"+a.ID+"/refuse", "", &a)
	looks(http.StatusForbidden)
	does(op, http.StatusOK, "", `{"reason":"d"}`, &a)
	h.world.Clock.Add(8 * 24 * time.Hour)
	admin.ProvedAt = now()
	does(admin, http.StatusConflict, "/"+a.ID+"/allow", "", nil)
	looks(http.StatusForbidden)

	var actions []string
	uses := 0
	h.world.Update(func(tx *catalog.Tx) error {
		rows, err := tx.AuditEntries(trail.Filter{Account: f.Account, Limit: 1000})
		for i := len(rows) - 1; i >= 0; i-- {
			if e := rows[i]; strings.HasPrefix(e.Action, "approval.") {
				actions = append(actions, strings.TrimPrefix(e.Action, "approval."))
				if strings.Contains(e.Detail["reason"], "4711") {
					t.Error("the reason is in the log as it is")
				}
			} else if e.Detail["approval"] != "" && e.Actor != audit.Gateway {
				uses++
			}
		}
		return err
	})
	if got := strings.Join(actions, " "); got != "asked allowed over asked allowed ended asked refused asked" {
		t.Errorf("on record: %s", got)
	}
	if uses != 3 {
		t.Errorf("%d uses name their approval", uses)
	}

	for setting, want := range map[string]int{"on": http.StatusBadRequest, "off": http.StatusBadRequest} {
		h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": setting}, nil)
		does(op, want, "", `{"reason":"x"}`, nil)
	}
}

// An account that lets nobody in is not opened by an approval from before.
func TestAnApprovalEndsWithTheSetting(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": "asked"}, nil)
	var a portal.Approval
	h.want(http.StatusOK, "POST", "/accounts/acme/approvals", portal.NewApproval{Reason: "x"}, &a)
	h.want(http.StatusOK, "POST", "/accounts/acme/approvals/"+a.ID+"/allow", nil, &a)
	h.want(http.StatusOK, "GET", "/accounts/acme/payments", nil, nil)
	h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": "off"}, nil)
	h.want(http.StatusForbidden, "GET", "/accounts/acme/payments", nil, &portal.Problem{})

	// Nor does it come to life again, whatever was chosen in between; one that was not
	// answered is over, too.
	for _, between := range []string{"off", "on"} {
		h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": between}, nil)
		h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": "asked"}, nil)
		h.want(http.StatusForbidden, "GET", "/accounts/acme/payments", nil, &portal.Problem{})
		h.want(http.StatusOK, "POST", "/accounts/acme/approvals", portal.NewApproval{Reason: "y"}, &a)
		if between == "on" {
			break
		}
		h.want(http.StatusOK, "POST", "/accounts/acme/approvals/"+a.ID+"/allow", nil, &a)
		h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"keep_for": "30d"}, nil) // that is no other choice
		h.want(http.StatusOK, "GET", "/accounts/acme/payments", nil, nil)
	}
	h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": "off"}, nil)
	h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": "asked"}, nil)
	h.want(http.StatusConflict, "POST", "/accounts/acme/approvals/"+a.ID+"/allow", nil, &portal.Problem{})
	if n := h.audited("approval.ended"); n != 3 {
		t.Errorf("%d ended on record, want 3", n)
	}

	// A closed account has nobody left who could end one.
	h.want(http.StatusOK, "POST", "/accounts/acme/approvals", portal.NewApproval{Reason: "z"}, &a)
	h.want(http.StatusOK, "POST", "/accounts/acme/approvals/"+a.ID+"/allow", nil, &a)
	h.want(http.StatusNoContent, "DELETE", "/accounts/acme?confirm=acme", nil, nil)
	h.want(http.StatusForbidden, "GET", "/accounts/acme/payments", nil, &portal.Problem{})
}

// Who opens a door for a while and closes it again is on record with what he did.
func TestTheRecordSaysWhichSettingsChanged(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	for _, c := range []struct {
		change map[string]any
		want   map[string]string
	}{
		{map[string]any{"operator_access": "off"}, map[string]string{"operator_access": "from-on-to-off"}},
		{map[string]any{"operator_access": "asked", "require_second_factor": true}, map[string]string{"operator_access": "from-off-to-asked", "require_second_factor": "from-no-to-yes"}},
		{map[string]any{"keep_for": "30d", "in_show_for": "36h", "operator_access": "asked"}, map[string]string{"keep_for": "from-400d-to-30d", "in_show_for": "from-7d-to-36h0m0s"}},
		{map[string]any{"operator_access": "asked", "receipts": true}, map[string]string{"receipts": "from-no-to-yes"}},
	} {
		h.want(http.StatusOK, "PATCH", "/accounts/acme", c.change, nil)
		var page struct{ Entries []portal.AuditEntry }
		h.want(http.StatusOK, "GET", "/audit?account=acme", nil, &page)
		if len(page.Entries) == 0 || page.Entries[0].Action != "account.changed" || !maps.Equal(page.Entries[0].Detail, c.want) {
			t.Errorf("%v is on record as %+v", c.change, page.Entries)
		}
		h.world.Clock.Add(time.Second)
	}
	patterns, networks := []string{"*.löner"}, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	if _, err := h.api.Accounts.SetAccount(t.Context(), "test", "acme", account.Change{TempNames: &patterns, AllowFrom: &networks}); err != nil {
		t.Fatal(err)
	}
	var page struct{ Entries []portal.AuditEntry }
	h.want(http.StatusOK, "GET", "/audit?account=acme", nil, &page)
	if want := map[string]string{"temp_names": "changed", "allow_from": "changed"}; len(page.Entries) == 0 || !maps.Equal(page.Entries[0].Detail, want) {
		t.Errorf("lists are on record as %+v", page.Entries)
	}
}
