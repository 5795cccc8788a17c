package api

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// want sends a request of the control socket and wants this status.
func (h *house) want(code int, method, path string, in, out any) {
	h.Helper()
	if got := h.ask(access.ControlSocket, method, path, body(h, in), out); got != code {
		h.Fatalf("%s %s: %d, want %d (%+v)", method, path, got, code, out)
	}
}

// keptFile is an account with one file of its own.
func (h *house) keptFile(account string) *catalog.File {
	h.Helper()
	var row *catalog.Account
	h.world.Update(func(tx *catalog.Tx) (err error) { row, err = tx.AccountByName(account); return err })
	f, err := h.world.Put(intaketest.Spec(row, h.login(account), "lon.xml"), []byte("<payments/>"))
	if err != nil {
		h.Fatal(err)
	}
	return f
}

// A key is destroyed by who knows what that costs: the sentence comes first, and
// says for whom and how many files.
func TestRemovalSaysWhatIsLostBeforeItIsDone(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	h.keptFile("acme")
	var certs []portal.Certificate
	h.want(http.StatusOK, "GET", "/accounts/acme/certificates", nil, &certs)
	if len(certs) != 1 || certs[0].Files != 1 {
		t.Fatalf("%+v", certs)
	}
	path := "/accounts/acme/certificates/" + certs[0].Fingerprint[:12]
	var loss portal.Loss
	h.want(http.StatusOK, "GET", path+"/loss", nil, &loss)
	if loss.Files != 1 || !loss.Closes || !strings.Contains(loss.Sentence, "acme") || !strings.Contains(loss.Sentence, "1 file") {
		t.Errorf("%+v", loss)
	}
	for _, query := range []string{"", "?confirm=other", "?confirm=ACME", "?after=14d", "?confirm=acme&after=soon", "?confirm=acme&after=1m"} {
		var p portal.Problem
		h.want(http.StatusBadRequest, "DELETE", path+query, nil, &p)
		if !strings.Contains(query, "=acme") && !strings.Contains(p.Detail, loss.Sentence) {
			t.Errorf("%q: %s", query, p.Detail)
		}
	}
	h.want(http.StatusOK, "GET", "/accounts/acme/certificates", nil, &certs)
	if certs[0].RemovedAt != nil || certs[0].RemoveAt != nil {
		t.Fatalf("it is done all the same: %+v", certs[0])
	}

	var later, done portal.Removal
	h.want(http.StatusOK, "DELETE", path+"?confirm=acme&after=14d", nil, &later)
	if later.RemoveAt == nil || later.Statement != "" {
		t.Errorf("%+v", later)
	}
	h.want(http.StatusNoContent, "POST", path+"/keep", nil, nil)
	h.want(http.StatusOK, "DELETE", path+"?confirm=acme", nil, &done)
	if done.RemoveAt != nil || done.Statement == "" || done.Copy != nil || done.Files != 1 {
		t.Errorf("%+v", done)
	}
	var s portal.Statement
	h.want(http.StatusOK, "GET", "/statements/"+done.Statement, nil, &s)
	if s.Text != done.Text || s.Kind != "certificate-removed" {
		t.Errorf("%+v", s)
	}
	var acct portal.Account
	h.want(http.StatusOK, "GET", "/accounts/acme", nil, &acct)
	if acct.State != "closed" {
		t.Errorf("state %s", acct.State)
	}
	h.want(http.StatusBadRequest, "DELETE", path+"?confirm=acme", nil, nil)
}

// What only people of the machine may do: a token's library is loaded into the
// gateway, and the encrypted half of a key can be guessed at.
func TestWhatStaysOnTheMachine(t *testing.T) {
	h := newHouse(t)
	away := access.Caller{Actor: "operator:somebody", Operator: true}
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme", Keys: "customer"}, nil)
	key, err := keys.NewAccessKey()
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := keyfile.EncryptAccessKey(key.Private, []byte("correct horse battery"))
	if err != nil {
		t.Fatal(err)
	}
	in := portal.NewAccessKey{Public: string(keyfile.MarshalAccessPublicKey(key.Public)), Encrypted: string(encrypted.Marshal())}
	var k portal.AccessKey
	h.want(http.StatusOK, "POST", "/accounts/acme/access-keys", in, &k)
	path := "/accounts/acme/access-keys/" + k.ID + "/encrypted"
	if code := h.ask(away, "GET", path, "", nil); code != http.StatusForbidden {
		t.Errorf("from away: %d", code)
	}
	var kept portal.Export
	h.want(http.StatusOK, "GET", path, nil, &kept)
	if kept.PEM != in.Encrypted {
		t.Error("it is not kept as it came")
	}
	cert := portal.NewCertificate{Certificate: "x", Key: " pkcs11:token=x;object=y?module-path=/tmp/evil.so"}
	if code := h.ask(away, "POST", "/accounts/acme/certificates", body(h, cert), nil); code != http.StatusForbidden {
		t.Errorf("a library from away: %d", code)
	}
}

// Who runs the gateway guesses at a passphrase as seldom as the customer, and takes
// none of his guesses; the right one is none.
func TestGuessesAtAPassphrase(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme", Keys: "customer"}, nil)
	const phrase = "correct horse battery"
	key, err := keys.NewAccessKey()
	if err != nil {
		t.Fatal(err)
	}
	encrypted, err := keyfile.EncryptAccessKey(key.Private, []byte(phrase))
	if err != nil {
		t.Fatal(err)
	}
	h.want(http.StatusOK, "POST", "/accounts/acme/access-keys", portal.NewAccessKey{Public: string(keyfile.MarshalAccessPublicKey(key.Public)), Encrypted: string(encrypted.Marshal())}, nil)
	admin := access.Caller{Actor: "token:x", Name: "x", Account: h.account("acme").ID, Role: account.Admin}
	try := func(c access.Caller, phrase string) int {
		return h.ask(c, "POST", "/accounts/acme/unlock", body(h, portal.Unlock{Passphrase: phrase, For: portal.Duration(time.Hour)}), nil)
	}
	for range 6 {
		if code := try(admin, phrase); code != http.StatusOK {
			t.Fatalf("the right one: %d", code)
		}
	}
	for i := range 6 {
		if code := try(access.ControlSocket, "another"); (code == http.StatusServiceUnavailable) != (i == 5) {
			t.Errorf("guess %d: %d", i, code)
		}
	}
	if code := try(admin, phrase); code != http.StatusOK {
		t.Errorf("after the operator's guesses: %d", code)
	}
}

func TestTheCustomersRoundTrip(t *testing.T) {
	h := newHouse(t)
	key, err := keys.NewAccessKey()
	if err != nil {
		t.Fatal(err)
	}
	var acct portal.Account
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme", Keys: "customer", AccessKey: string(keyfile.MarshalAccessPublicKey(key.Public))}, &acct)
	if !slices.ContainsFunc(acct.Warnings, func(w portal.Warning) bool { return w.Code == "not-confirmed" }) {
		t.Errorf("warnings %+v", acct.Warnings)
	}
	var list []portal.AccessKey
	h.want(http.StatusOK, "GET", "/accounts/acme/access-keys", nil, &list)
	path := "/accounts/acme/access-keys/" + list[0].ID
	var c portal.Challenge
	h.want(http.StatusOK, "POST", path+"/challenge", nil, &c)
	answer, err := keyfile.AnswerChallenge([]byte(c.Challenge), key.Private)
	if err != nil {
		t.Fatal(err)
	}
	h.want(http.StatusBadRequest, "POST", path+"/confirm", portal.Answer{Answer: c.Challenge}, nil)
	var k portal.AccessKey
	h.want(http.StatusOK, "POST", path+"/confirm", portal.Answer{Answer: string(answer)}, &k)
	if !k.Confirmed || k.Held != "customer" {
		t.Errorf("%+v", k)
	}

	f := h.keptFile("acme")
	private, err := keyfile.MarshalAccessKey(key.Private)
	if err != nil {
		t.Fatal(err)
	}
	h.want(http.StatusBadRequest, "POST", "/accounts/acme/unlock", portal.Unlock{AccessKey: "x"}, nil)
	h.want(http.StatusOK, "POST", "/accounts/acme/unlock", portal.Unlock{AccessKey: string(private), For: portal.Duration(time.Hour)}, nil)
	h.want(http.StatusOK, "GET", "/accounts/acme", nil, &acct)
	if left := acct.UnlockedUntil; left == nil || left.Sub(h.world.Clock.Now()).Round(time.Minute) != time.Hour {
		t.Errorf("unlocked until %v", acct.UnlockedUntil)
	}
	h.want(http.StatusNoContent, "POST", "/accounts/acme/lock", nil, nil)
	h.want(http.StatusLocked, "POST", "/accounts/acme/reseal", nil, nil)
	for _, leave := range []string{"on", "off"} {
		h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": leave}, nil)
		code := h.ask(access.ControlSocket, "GET", "/files/"+f.ID.String()+"/receipt", "", nil)
		if (code == http.StatusOK) != (leave == "on") {
			t.Errorf("receipt with access %s: %d", leave, code)
		}
	}
}

// doctor tells of a clock that jumped, of keys that are in one place only, and of a
// customer who has not confirmed.
func TestDoctorLooksAtKeysAndClock(t *testing.T) {
	h := newHouse(t)
	if err := h.parts.Clock.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	find := func(check string) (found portal.Finding) {
		t.Helper()
		var list []portal.Finding
		h.want(http.StatusOK, "GET", "/doctor", nil, &list)
		for _, f := range list {
			if f.Check == check {
				found = f
			}
		}
		return found
	}
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme", Keys: "customer"}, nil)
	if f := find("keys of acme"); f.Status != portal.Warned || f.Do == "" {
		t.Errorf("no access key: %+v", f)
	}
	if f := find("copy of keys"); f.Status != portal.Warned || !strings.Contains(f.Found, "none was ever made") {
		t.Errorf("no copy: %+v", f)
	}
	file := filepath.Join(t.TempDir(), "keys.copy")
	h.want(http.StatusNoContent, "POST", "/keys/backup", map[string]string{"file": file}, nil)
	if f := find("copy of keys"); f.Status != portal.Fine {
		t.Errorf("a new copy: %+v", f)
	}
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	h.want(http.StatusOK, "POST", "/accounts/acme/certificates/renew", nil, nil)
	if f := find("copy of keys"); f.Status != portal.Fine {
		t.Errorf("a new key goes into the copy: %+v", f)
	}
	if err := os.WriteFile(file, old, 0o600); err != nil {
		t.Fatal(err)
	}
	if f := find("copy of keys"); f.Status != portal.Warned || !strings.Contains(f.Do, file) {
		t.Errorf("a copy older than a key: %+v", f)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if f := find("copy of keys"); f.Status != portal.Warned || !strings.Contains(f.Found, "cannot be reached") {
		t.Errorf("no copy where it was: %+v", f)
	}
	if f := find("clock"); f.Check != "" {
		t.Errorf("a good clock: %+v", f)
	}
	h.world.Clock.Add(-48 * time.Hour)
	if f := find("clock"); f.Status != portal.Warned {
		t.Errorf("a clock that was set back: %+v", f)
	}
}

// body is in as JSON; none for nil.
func body(h *house, in any) string {
	h.Helper()
	if in == nil {
		return ""
	}
	text, err := json.Marshal(in)
	if err != nil {
		h.Fatal(err)
	}
	return string(text)
}
