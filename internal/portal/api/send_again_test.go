package api

import (
	"net/http"
	"strings"
	"testing"

	"sealgate/internal/account"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
)

// leaving is an account with a server that is pushed to, and a file of its outbox.
func (h *house) leaving(name string) (remote portal.Remote, file *catalog.File, admin string) {
	h.Helper()
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: name}, nil)
	out := remoteAt("erp", "sftp://u@h/in")
	out.Direction = "push"
	h.want(http.StatusOK, "POST", "/accounts/"+name+"/remotes", out, &remote)
	return remote, h.send(name, "answer.xml"), h.token(name, "admin", account.Admin)
}

func (h *house) send(account, name string) *catalog.File {
	h.Helper()
	f, err := h.api.Outbox.Send(h.Context(), h.account(account).ID, name, strings.NewReader("x"), "operator", "operator")
	if err != nil {
		h.Fatal(err)
	}
	return f
}

// lost notes that the answer to a file's rename was lost, as a visit does.
func (h *house) lost(r portal.Remote, f *catalog.File) {
	h.Helper()
	h.world.Update(func(tx *catalog.Tx) error {
		row, err := tx.RemoteByName(f.Account, r.Name)
		if err != nil {
			return err
		}
		return tx.PutRemotePush(&table.PushState{
			Remote: row.ID, File: f.ID, Names: []byte("sealed"), Stage: table.PushRenaming, Tries: 3, RunAt: h.world.Clock.Now().Add(1 << 40), Error: "answer-lost",
		})
	})
}

// A file of which nobody here knows whether it has arrived waits for a person, who has it
// sent again or says that it was delivered.
func TestAFileThatWaitsForAPerson(t *testing.T) {
	h := newHouse(t)
	acme, file, admin := h.leaving("acme")
	again := "/accounts/acme/remotes/erp/files/" + file.ID.String() + "/send-again"

	if w := h.by(admin, "POST", again, ""); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "not tried on this server yet") {
		t.Errorf("before it was tried: %d %s", w.Code, w.Body)
	}
	h.lost(acme, file)
	for _, role := range []account.Role{account.Uploader, account.Reader, account.Approver} {
		if w := h.by(h.token("acme", string(role), role), "POST", again, ""); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d %s", role, w.Code, w.Body)
		}
	}
	if w := h.by("", "POST", again, ""); w.Code != http.StatusUnauthorized {
		t.Errorf("nobody: %d", w.Code)
	}
	if n := h.audited("remote.sent-again"); n != 0 {
		t.Fatalf("%d entries", n)
	}
	if w := h.by(admin, "POST", again, ""); w.Code != http.StatusNoContent {
		t.Errorf("an admin: %d %s", w.Code, w.Body)
	}
	h.world.Update(func(tx *catalog.Tx) error {
		row, err := tx.RemoteByName(file.Account, "erp")
		if err != nil {
			return err
		}
		p, err := tx.RemotePush(row.ID, file.ID)
		if err == nil && (p.Stage != table.PushSending || p.Tries != 0 || !p.RunAt.IsZero()) {
			t.Errorf("%+v", p)
		}
		return err
	})
	if n := h.audited("remote.sent-again"); n != 1 {
		t.Errorf("%d entries", n)
	}

	h.lost(acme, file)
	delivered := strings.TrimSuffix(again, "send-again") + "delivered"
	for _, role := range []account.Role{account.Uploader, account.Reader, account.Approver} {
		if w := h.by(h.token("acme", "not-"+string(role), role), "POST", delivered, ""); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d %s", role, w.Code, w.Body)
		}
	}
	other := h.send("acme", "other.xml")
	h.want(http.StatusBadRequest, "POST", "/accounts/acme/remotes/erp/files/"+other.ID.String()+"/delivered", nil, nil)
	h.want(http.StatusNoContent, "POST", delivered, nil, nil) // who runs the gateway may have asked, too
	if row := h.world.File(file.ID); row.State != catalog.Delivered || row.Grant.Key != "" {
		t.Errorf("%+v", row)
	}
	if row := h.world.File(other.ID); row.State != catalog.Waiting {
		t.Errorf("one that was not tried is %s", row.State)
	}
	if n := h.audited("file.delivered"); n != 1 {
		t.Errorf("%d deliveries are on record", n)
	}
	var events any
	h.want(http.StatusOK, "GET", "/files/"+file.ID.String()+"/timeline", nil, &events)
	if text := body(h, events); !strings.Contains(text, "as somebody said who had asked there") {
		t.Error(text)
	}
	h.want(http.StatusBadRequest, "POST", delivered, nil, nil)
	h.want(http.StatusBadRequest, "POST", again, nil, nil)
}

// A file of another account is not there, whichever remote it is asked for at, and that
// it was asked for is on record.
func TestAnotherAccountsFileIsNotSentAgain(t *testing.T) {
	h := newHouse(t)
	_, _, admin := h.leaving("acme")
	beta, theirs, _ := h.leaving("beta")
	h.lost(beta, theirs)
	nothing := "01970000-0000-7000-8000-000000000005"
	for _, path := range []string{"/accounts/acme/remotes/erp/files/", "/accounts/beta/remotes/erp/files/"} {
		for _, act := range []string{"/send-again", "/delivered"} {
			denied := h.audited("access.denied")
			got, want := h.by(admin, "POST", path+theirs.ID.String()+act, ""), h.by(admin, "POST", path+nothing+act, "")
			if got.Code != http.StatusNotFound || problem(t, got).Detail != problem(t, want).Detail {
				t.Errorf("%s%s: %d %s, and %s for what nobody has", path, act, got.Code, got.Body, want.Body)
			}
			if n := h.audited("access.denied") - denied; n != 2 {
				t.Errorf("%s%s: %d entries", path, act, n)
			}
		}
	}
	for _, path := range []string{"/accounts/acme/remotes/nothing/files/" + theirs.ID.String(), "/accounts/acme/remotes/erp/files/a.xml"} {
		if w := h.by(admin, "POST", path+"/send-again", ""); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	h.world.Update(func(tx *catalog.Tx) error {
		row, err := tx.RemoteByName(theirs.Account, "erp")
		if err != nil {
			return err
		}
		p, err := tx.RemotePush(row.ID, theirs.ID)
		if err == nil && p.Stage != table.PushRenaming {
			t.Errorf("theirs was sent again: %+v", p)
		}
		return err
	})
	// Who runs the gateway may: where it goes is the account's choice all the same.
	if code := h.ask(access.ControlSocket, "POST", "/accounts/beta/remotes/erp/files/"+theirs.ID.String()+"/send-again", "", nil); code != http.StatusNoContent {
		t.Errorf("an operator: %d", code)
	}
}
