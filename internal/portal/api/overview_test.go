package api

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/audit"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

func TestTimelineTellsWhoDidWhat(t *testing.T) {
	h := newHouse(t)
	acme, beta := h.tenant("acme"), h.tenant("beta")
	id := acme.names["id"][0]
	path := "/files/" + id
	h.want(http.StatusOK, "GET", path+"/receipt", nil, nil)
	if w := h.by(acme.admin, "GET", path+"/receipt", ""); w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	if w := h.by(beta.admin, "GET", path, ""); w.Code != http.StatusNotFound { // is not told to acme
		t.Fatal(w.Code)
	}
	var robot portal.Login
	h.want(http.StatusOK, "GET", "/accounts/acme/logins/acme-robot", nil, &robot)
	row := h.account("acme")
	h.world.Update(func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{Account: row.ID, Actor: robot.ID, Action: "file.unheard-of", Object: id})
	})

	var list []portal.Happening
	h.want(http.StatusOK, "GET", path+"/timeline", nil, &list)
	var told []string
	for _, e := range list {
		name := "-"
		if e.ActorName != nil {
			name = *e.ActorName
		}
		told = append(told, e.Action+" "+e.ActorKind+" "+name)
	}
	want := "file.received login acme-robot, receipt.read machine -, receipt.read token admin-acme, file.unheard-of login acme-robot"
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if !strings.HasPrefix(list[0].Text, "Received, ") || list[3].Text != "file.unheard-of" {
		t.Errorf("%+v", list)
	}
	// Who runs the gateway has no name for its customers.
	var made portal.TokenMade
	h.want(http.StatusOK, "POST", "/tokens", portal.NewToken{Name: "night shift"}, &made)
	if w := h.by(made.Secret, "GET", path+"/receipt", ""); w.Code != http.StatusOK {
		t.Fatal(w.Code, w.Body)
	}
	if w := h.by(acme.admin, "GET", path+"/timeline", ""); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "night shift") || strings.Contains(w.Body.String(), "beta") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := h.by(beta.admin, "GET", path+"/timeline", ""); w.Code != http.StatusNotFound {
		t.Errorf("somebody else's: %d", w.Code)
	}
}

func (h *house) account(name string) (row *catalog.Account) {
	h.Helper()
	h.world.Update(func(tx *catalog.Tx) (err error) { row, err = tx.AccountByName(name); return err })
	return row
}

func TestOverviewSaysWhatIsUrgent(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme", Keys: "customer"}, nil)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "beta"}, nil)
	login, row := h.login("beta"), h.account("beta")
	for i, state := range []catalog.State{catalog.Held, catalog.Held, catalog.Kept, catalog.Refused} {
		f, err := h.world.Put(intaketest.Spec(row, login, fmt.Sprint("file-", i)), []byte{byte(i)})
		if err != nil {
			t.Fatal(err)
		}
		h.world.Update(func(tx *catalog.Tx) error { f.State, f.Result.PaymentCount = state, 3; return tx.SaveFile(f) })
	}
	var v portal.Overview
	h.want(http.StatusOK, "GET", "/accounts/beta/overview", nil, &v)
	if len(v.Days) != 30 || v.Days[29].Day != h.world.Clock.Now().UTC().Format(time.DateOnly) || v.Days[29].Files != 4 || v.Days[29].Problems != 3 || v.Days[29].Payments != 12 {
		t.Errorf("days %+v", v.Days)
	}
	if len(v.Attention) < 2 || v.Attention[0].Code != "files-held" || v.Attention[0].Count != 2 || v.Attention[0].Severity != "error" || v.Attention[0].Since == nil ||
		!strings.HasPrefix(v.Attention[0].Message, "2 files are held") || v.Attention[1].Message != "1 file could not be read and was refused" {
		t.Errorf("attention %+v", v.Attention)
	}
	h.world.Clock.Add(24 * time.Hour)
	h.want(http.StatusOK, "GET", "/accounts/beta/overview", nil, &v)
	if len(v.Days) != 30 || v.Days[28].Files != 4 || v.Days[29].Files != 0 {
		t.Errorf("a day later %+v", v.Days)
	}
	h.world.Clock.Add(48 * time.Hour)
	h.want(http.StatusOK, "GET", "/accounts/beta/overview", nil, &v)
	if len(v.Days) != 30 || v.Days[26].Files != 4 {
		t.Errorf("three days later %+v", v.Days)
	}
	h.want(http.StatusOK, "GET", "/accounts/acme/overview", nil, &v) // it has no key yet
	if len(v.Attention) == 0 || v.Attention[0].Severity != "error" || v.Attention[0].Message == "" {
		t.Errorf("acme: %+v", v.Attention)
	}

	h.want(http.StatusNoContent, "POST", "/backup", map[string]string{"dir": "/x"}, nil)
	var g portal.GatewayOverview
	h.want(http.StatusOK, "GET", "/overview", nil, &g)
	if g.AccountsOpen != 2 || g.DiskFree == 0 || g.LastBackup == nil || g.LastKeyBackup != nil || g.Version != "test" || len(g.Queues) == 0 || g.Queues[0].Jobs != 4 {
		t.Errorf("%+v", g)
	}
	codes := map[string]string{}
	for _, a := range g.Attention {
		codes[a.Code] = a.Account
	}
	if codes["files-held"] != "beta" || codes["no-access-key"] != "acme" {
		t.Errorf("%+v", g.Attention)
	}
	if code := h.ask(access.Caller{Account: row.ID, Role: account.Admin}, "GET", "/overview", "", nil); code != http.StatusForbidden {
		t.Errorf("an account's admin sees the gateway: %d", code)
	}
}

func TestPartOfAName(t *testing.T) {
	h := newHouse(t)
	acct, login := h.world.Account("acme", catalog.ContentKeep), h.login("acme")
	for _, name := range []string{"Löner-01.xml", "a.xml", "LÖNER-02.xml", "b.xml", "löner-03.xml"} {
		if _, err := h.world.Put(intaketest.Spec(acct, login, name), []byte(name)); err != nil {
			t.Fatal(err)
		}
	}
	type page struct {
		Files    []fileobject.Object
		Next     *string
		Searched *searched
	}
	var p page
	h.want(http.StatusOK, "GET", "/files?account=acme&part=l%C3%B6ner", nil, &p)
	if len(p.Files) != 3 || p.Next != nil || *p.Searched != (searched{Names: 5, All: true}) || p.Files[0].Shown() != "löner-03.xml" {
		t.Errorf("%+v %+v", p, p.Searched)
	}
	p = page{}
	h.want(http.StatusOK, "GET", "/files?account=acme&part=l%C3%B6ner&limit=2", nil, &p)
	if len(p.Files) != 2 || p.Next == nil || p.Searched.All {
		t.Fatalf("%+v", p)
	}
	next := *p.Next
	p = page{}
	h.want(http.StatusOK, "GET", "/files?account=acme&part=l%C3%B6ner&limit=2&before="+next, nil, &p)
	if len(p.Files) != 1 || p.Files[0].Shown() != "Löner-01.xml" || p.Next != nil {
		t.Errorf("%+v", p)
	}
	h.want(http.StatusBadRequest, "GET", "/files?part=x", nil, nil)
}

func TestSheetOfPayments(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	w := httptest.NewRecorder()
	h.api.Handler(access.ControlSocket).ServeHTTP(w, httptest.NewRequest("GET", operation.Prefix+"/accounts/acme/payments.csv", nil))
	text, marked := strings.CutPrefix(w.Body.String(), "\uFEFF")
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if w.Code != http.StatusOK || !marked || err != nil || len(rows) != 1 || w.Header().Get("Content-Type") != "text/csv; charset=utf-8; header=present" ||
		w.Header().Get("Content-Disposition") != "attachment; filename=payments-acme.csv" {
		t.Errorf("%d %v %q %v", w.Code, w.Header(), text, err)
	}
	if n := h.audited("payments.exported"); n != 1 {
		t.Errorf("%d entries", n)
	}
	h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": "off"}, nil)
	h.want(http.StatusForbidden, "GET", "/accounts/acme/payments.csv", nil, nil)
	h.want(http.StatusBadRequest, "GET", "/accounts/acme/payments.csv?min=x", nil, nil)
}
