package api

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"sealgate/internal/account"
	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/remoteapi"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
	"sealgate/internal/transfer/remotes"
)

// mountRemotes adds the operations on remotes, whose servers nobody reaches here.
func (h *house) mountRemotes() {
	visit := func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
		_, err := v.Connect(ctx)
		return remotes.Result{}, err
	}
	remoteapi.Register(h.api.Router, remoteapi.Services{Accounts: h.api.Accounts, Catalog: h.world.Catalog, Remotes: remotes.New(remotes.Options{
		Catalog: h.world.Catalog, Custody: h.world.Keys, Keys: h.world.Store, Guard: dialguard.New(nil), Node: "test",
		Connect: func(_ context.Context, t remotes.Target) (remote.Session, error) {
			err := why.SignIn.New(fault.Denied, "test", "the server at %s lets nobody in", t.Host)
			if t.Report != nil {
				t.Report(remote.Step{Name: remote.StepResolve, Seen: "found", Facts: map[string]string{"addresses": "192.0.2.1"}})
				t.Report(remote.Step{Name: remote.StepConnect, Err: err})
			}
			return nil, err
		},
		Pull: visit, Push: visit, Delivered: h.api.Outbox.DeliveredTo, Now: h.world.Clock.Now, Log: slog.New(slog.DiscardHandler),
	})})
}

// remoteAt asks for a remote that can be visited.
func remoteAt(name, url string) portal.NewRemote {
	password := "hunter2"
	n := portal.NewRemote{Name: name, Direction: "pull"}
	n.URL, n.Password, n.HostKeys = &url, &password, &[]string{"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}
	return n
}

func TestRemotesByTheAPI(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	const one = "/accounts/acme/remotes/bank"
	var made portal.Remote
	h.want(http.StatusOK, "POST", "/accounts/acme/remotes", remoteAt("bank", "sftp://u@bank.example.com/out"), &made)
	if made.Settings == nil || made.Settings.URL != "sftp://u@bank.example.com/out" || made.Settings.Every.String() != "5m" || made.Settings.TimeZone != "Europe/Stockholm" ||
		made.Settings.After != "leave" || made.Settings.Still.String() != "30s" || !made.Password || !made.Confirmed || made.NextRun == nil || made.Running {
		t.Errorf("%+v %+v", made, made.Settings)
	}
	h.want(http.StatusConflict, "POST", "/accounts/acme/remotes", remoteAt("bank", "sftp://u@h/"), nil)
	h.want(http.StatusBadRequest, "POST", "/accounts/acme/remotes", remoteAt("other", "sftp://u:hunter2@h/"), nil)

	var set portal.Remote
	h.want(http.StatusOK, "PATCH", one, map[string]any{
		"cron": "0 17 * * mon-fri", "time_zone": "Europe/Helsinki", "include": []string{"*.xml"}, "after": "move:done", "expect": "bankdays by 17:30",
		"old_algorithms": []string{"ssh-rsa"}, "old_algorithms_until": "2027-06-30", "limits": map[string]any{"files": 7, "time": "10m"}, "enabled": false,
	}, &set)
	if s := set.Settings; set.State != "off" || set.NextRun != nil || s.Every != nil || s.Cron != "0 17 * * mon-fri" || s.After != "move:done" || s.OldUntil != "2027-06-30" ||
		s.Limits.Files != 7 || s.Limits.Time.String() != "10m" || s.Expect != "bankdays by 17:30" {
		t.Errorf("%+v %+v", set, set.Settings)
	}
	set = portal.Remote{}
	h.want(http.StatusOK, "PATCH", one, map[string]any{"every": "1h", "enabled": true, "old_algorithms": []string{}, "old_algorithms_until": ""}, &set)
	if s := set.Settings; s.Cron != "" || s.Every.String() != "1h" || s.OldUntil != "" || set.NextRun == nil {
		t.Errorf("%+v %+v", set, s)
	}
	for _, bad := range []map[string]any{
		{"every": "1s"}, {"every": "1h", "cron": "0 * * * *"}, {"after": "burn"}, {"old_algorithms_until": "soon"}, {"host_keys": []string{"x"}}, {"private_key": "x"},
	} {
		h.want(http.StatusBadRequest, "PATCH", one, bad, nil)
	}

	var tested portal.RemoteTest
	h.want(http.StatusOK, "POST", one+"/test", nil, &tested)
	if tested.OK || len(tested.Steps) != 2 || !tested.Steps[0].OK || !strings.Contains(tested.Steps[1].Message, "lets nobody in") ||
		tested.Steps[0].Facts["addresses"] != "192.0.2.1" || tested.Steps[1].Error != "sign-in" || tested.Confirm != nil {
		t.Errorf("%+v", tested)
	}
	var run portal.RemoteRun
	h.want(http.StatusOK, "POST", one+"/run", nil, &run)
	h.want(http.StatusOK, "GET", one+"/runs/"+run.ID+"?wait=60", nil, &run)
	if run.Outcome != "failed" || run.Error != "sign-in" || run.Message == nil || !strings.Contains(*run.Message, "lets nobody in") || run.By == "" {
		t.Errorf("%+v", run)
	}
	var runs []portal.RemoteRun
	h.want(http.StatusOK, "GET", one+"/runs", nil, &runs)
	if len(runs) != 1 || runs[0].ID != run.ID {
		t.Errorf("%+v", runs)
	}
	var text any
	h.want(http.StatusOK, "GET", "/accounts/acme/remotes", nil, &text)
	if all := body(h, text); strings.Contains(all, "hunter2") || !strings.Contains(all, `"failing_since"`) {
		t.Error(all)
	}
	h.want(http.StatusNoContent, "DELETE", one, nil, nil)
	h.want(http.StatusNotFound, "GET", one, nil, nil)
}

// Who runs the gateway does not say where the files of an account go that does not let
// him see them.
func TestOperatorsLeadNothingOutOfAClosedAccount(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", map[string]any{"name": "acme", "operator_access": "off"}, nil)
	out := remoteAt("out", "sftp://u@h/in")
	out.Direction = "push"
	h.want(http.StatusForbidden, "POST", "/accounts/acme/remotes", out, nil)
	h.want(http.StatusOK, "POST", "/accounts/acme/remotes", remoteAt("in", "sftp://u@h/in"), nil)
	admin := h.token("acme", "a", account.Admin)
	if w := h.by(admin, "POST", "/accounts/acme/remotes", `{"name":"out","direction":"push","url":"sftp://u@h/in"}`); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, change := range []map[string]any{
		{"url": "sftp://u@evil/in"},
		{"host_keys": []string{"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}},
		{"password": "hunter2"},
		{"include": []string{"*"}},
		{"enabled": true},
		{"enabled": false, "every": "1h"},
		{"quirks": []string{"list-only"}},
	} {
		h.want(http.StatusForbidden, "PATCH", "/accounts/acme/remotes/out", change, nil)
	}
	h.want(http.StatusOK, "PATCH", "/accounts/acme/remotes/out", map[string]any{"enabled": false}, nil)

	// What an operator has set up before is not visited any more, and the account sees why.
	h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": "on"}, nil)
	his := remoteAt("his", "sftp://u@h/in")
	his.Direction = "push"
	h.want(http.StatusOK, "POST", "/accounts/acme/remotes", his, nil)
	h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": "asked"}, nil)
	var run portal.RemoteRun
	h.want(http.StatusOK, "POST", "/accounts/acme/remotes/his/run", nil, &run)
	h.want(http.StatusOK, "GET", "/accounts/acme/remotes/his/runs/"+run.ID+"?wait=60", nil, &run)
	if run.Outcome != "failed" || run.Error != "not-allowed" {
		t.Errorf("%+v", run)
	}
	if w := h.by(admin, "GET", "/accounts/acme/remotes/his", ""); !strings.Contains(w.Body.String(), `"by_operator":true`) {
		t.Error(w.Body)
	}
	if w := h.by(admin, "GET", "/accounts/acme/remotes/out", ""); strings.Contains(w.Body.String(), `by_operator`) {
		t.Error(w.Body)
	}
}

// Who waits for other people's servers takes no place from who asks for what is here.
func TestWaitingForServersTakesNoPlaces(t *testing.T) {
	for _, operation := range access.Operations() {
		if (operation == "get-remote-run" || operation == "test-remote" || operation == "run-remote") != (access.Lasts(operation) == access.Waits && operation != "wait-for-file") {
			t.Errorf("%s lasts %v", operation, access.Lasts(operation))
		}
	}
}
