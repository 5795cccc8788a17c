package access

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
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

// Who may do what, as docs/api.md promises it: for each role, all that it may do. The
// table in rights.go is held against this, so that a slip of one line is seen.
func TestTheWholeTableIsAsPromised(t *testing.T) {
	promised := map[Right]string{
		OnMachine: `get-encrypted-access-key back-up-keys rotate-master-key back-up backup-progress`,
		Operate:   `add-account remove-account ask-approval list-operators add-operator reset-operator remove-operator list-operator-tokens add-operator-token remove-operator-token follow-all send-to-outbox verify-audit show-keys doctor gateway-overview list-queues list-jobs retry-queue`,
		See:       `list-accounts get-account account-overview list-files get-file follow-account get-timeline wait-for-file get-receipt list-alarms`,
		Send:      `create-upload upload-options upload-progress send-upload override-upload drop-upload put-file post-files`,
		Fetch:     `finish-file`,
		Read:      `get-content get-sealed list-outbox list-payments export-payments list-certificates list-access-keys reseal-progress list-statements get-statement`,
		Decide:    `release-file reindex-file erase-file see-alarm`,
		Manage:    `set-account list-logins add-login get-login set-login remove-login invite-login reset-login list-approvals end-approval get-single-sign-on set-single-sign-on remove-single-sign-on list-tokens add-token remove-token list-webhooks add-webhook set-webhook remove-webhook new-webhook-secret test-webhook list-deliveries replay-delivery list-remotes add-remote get-remote set-remote remove-remote test-remote run-remote list-remote-files send-again-to-remote say-delivered-to-remote list-remote-runs get-remote-run list-agents invite-agent get-agent set-agent revoke-agent list-alarm-recipients set-alarm-recipients renew-certificate import-certificate export-certificate preview-certificate-removal remove-certificate keep-certificate add-access-key export-access-key challenge-access-key confirm-access-key preview-access-key-removal remove-access-key keep-access-key unlock-account lock-account reseal-account list-audit`,
		Approve:   `allow-approval refuse-approval`,
		Myself:    `get-me list-my-sessions end-my-session end-my-other-sessions`,
	}
	all := 0
	for right, operations := range promised {
		for id := range strings.FieldsSeq(operations) {
			all++
			if RightTo(id) != right {
				t.Errorf("%s is not %q any more: %q", id, right, RightTo(id))
			}
		}
	}
	if all != len(Operations()) {
		t.Errorf("%d operations are promised, and %d there", all, len(Operations()))
	}
	const (
		uploader = "See Send"
		reader   = "See Fetch Read"
		approver = "See Send Fetch Read Decide"
		admin    = "See Send Fetch Read Decide Manage Approve"
	)
	names := map[Right]string{See: "See", Send: "Send", Fetch: "Fetch", Read: "Read", Decide: "Decide", Manage: "Manage", Approve: "Approve", Operate: "Operate", OnMachine: "OnMachine"}
	for role, may := range map[account.Role]string{account.Uploader: uploader, account.Reader: reader, account.Approver: approver, account.Admin: admin} {
		who := Caller{Account: uuid.New(), Role: role}
		for right, name := range names {
			if want := slices.Contains(strings.Fields(may), name); (who.May(right) == nil) != want {
				t.Errorf("%s, %s: %v", role, name, who.May(right))
			}
		}
	}
	operator := Caller{Operator: true}
	for right, name := range names {
		if want := slices.Contains(strings.Fields("See Read Decide Manage Operate"), name); (operator.May(right) == nil) != want {
			t.Errorf("an operator, %s: %v", name, operator.May(right))
		}
	}
}
