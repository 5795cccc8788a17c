package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/portal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
	"sealgate/internal/transfer/intake/intaketest"
)

// hold puts a held file of an account on record.
func (h *house) hold(name string) {
	h.Helper()
	var row *catalog.Account
	h.world.Update(func(tx *catalog.Tx) (err error) { row, err = tx.AccountByName(name); return err })
	var login portal.LoginMade
	h.want(http.StatusOK, "POST", "/accounts/"+name+"/logins", portal.NewLogin{Username: name + "-holds"}, &login)
	f, err := h.world.Put(intaketest.Spec(row, loginID(login), "held-"+name), []byte("<payments/>"))
	if err != nil {
		h.Fatal(err)
	}
	h.world.Update(func(tx *catalog.Tx) error { f.State = catalog.Held; return tx.SaveFile(f) })
}

type alarms struct {
	Alarms []struct{ ID, Account, Kind, State, Message, Do string }
}

func TestAlarmsOfAnAccountAreItsOwn(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"acme", "beta"} {
		h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: name}, nil)
		h.hold(name)
	}
	h.api.Notices.Alarms.Round(t.Context())
	var all, mine alarms
	h.want(http.StatusOK, "GET", "/alarms", nil, &all)
	if len(all.Alarms) != 2 {
		t.Fatalf("%+v", all)
	}
	h.want(http.StatusOK, "GET", "/alarms?account=beta&language=sv", nil, &mine)
	if len(mine.Alarms) != 1 || mine.Alarms[0].Account != "beta" || !strings.HasPrefix(mine.Alarms[0].Message, "1 fil är stoppad") {
		t.Fatalf("%+v", mine)
	}
	var own alarms // the gateway's own are those of the built-in account
	h.want(http.StatusOK, "GET", "/alarms?account=system", nil, &own)
	if len(own.Alarms) != 0 {
		t.Errorf("%+v", own)
	}
	h.world.Update(func(tx *catalog.Tx) error {
		return tx.InsertAlarm(&notices.Alarm{ID: uuid.New(), Check: "disk", Kind: "disk-low", State: notices.AlarmOpen, Severity: "warning", Count: 1})
	})
	h.want(http.StatusOK, "GET", "/alarms?account=system", nil, &own)
	if len(own.Alarms) != 1 || own.Alarms[0].Kind != "disk-low" {
		t.Errorf("%+v", own)
	}
	reader, approver := h.token("acme", "r", account.Reader), h.token("acme", "a", account.Approver)
	if w := h.by(reader, "GET", "/alarms", ""); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "beta") || !strings.Contains(w.Body.String(), "acme") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	denied := h.audited("access.denied")
	for id, want := range map[string]int{mine.Alarms[0].ID: http.StatusNotFound, "x": http.StatusNotFound} {
		if w := h.by(approver, "POST", "/alarms/"+id+"/seen", ""); w.Code != want {
			t.Errorf("%s: %d %s", id, w.Code, w.Body)
		}
	}
	if n := h.audited("access.denied") - denied; n != 2 {
		t.Errorf("%d entries of 2", n)
	}
	for _, a := range all.Alarms {
		if a.Account != "acme" {
			continue
		}
		if w := h.by(reader, "POST", "/alarms/"+a.ID+"/seen", ""); w.Code != http.StatusForbidden {
			t.Errorf("a reader: %d", w.Code)
		}
		if w := h.by(approver, "POST", "/alarms/"+a.ID+"/seen", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"state":"seen"`) {
			t.Errorf("an approver: %d %s", w.Code, w.Body)
		}
	}
}

func TestWhomAlarmsAreMailedTo(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	var got portal.AlarmRecipients
	in := portal.AlarmRecipients{Recipients: []portal.AlarmRecipient{{Address: "ekonomi@kund.example", Language: "sv"}, {Address: "b@kund.example"}}}
	h.want(http.StatusOK, "PATCH", "/accounts/acme/alarm-recipients", in, &got)
	if len(got.Recipients) != 2 || got.Recipients[0] != in.Recipients[0] || got.Recipients[1].Language != "en" {
		t.Errorf("%+v", got)
	}
	in.Recipients[0].Address = "nobody"
	h.want(http.StatusBadRequest, "PATCH", "/accounts/acme/alarm-recipients", in, nil)
	h.want(http.StatusOK, "PATCH", "/accounts/system/alarm-recipients", portal.AlarmRecipients{Recipients: []portal.AlarmRecipient{{Address: "jour@pay.example"}}}, nil)
	h.want(http.StatusOK, "GET", "/accounts/acme/alarm-recipients", nil, &got)
	if len(got.Recipients) != 2 {
		t.Errorf("%+v", got)
	}
}

// Operators add no webhook to an account that does not let them see its contents: it
// would be told of them.
func TestAWebhookIsToldNothingThatItsMakerMayNotSee(t *testing.T) {
	h := newHouse(t)
	off := catalog.OperatorOff
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme", AccountChange: portal.AccountChange{OperatorAccess: &off}}, nil)
	h.want(http.StatusForbidden, "POST", "/accounts/acme/webhooks", portal.NewWebhook{URL: "http://127.0.0.1:1/"}, nil)
	if w := h.by(h.token("acme", "a", account.Admin), "POST", "/accounts/acme/webhooks", `{"url":"http://127.0.0.1:1/"}`); w.Code != http.StatusOK {
		t.Errorf("its admin: %d %s", w.Code, w.Body)
	}
}

// When operators may not see what an account has, they see no address of its webhooks,
// and get no secret of one.
func TestAWebhookOfACustomersIsNotTheOperators(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	var theirs portal.WebhookMade
	h.want(http.StatusOK, "POST", "/accounts/acme/webhooks", portal.NewWebhook{URL: "http://127.0.0.1:1/op"}, &theirs)
	admin := h.token("acme", "a", account.Admin)
	if w := h.by(admin, "POST", "/accounts/acme/webhooks", `{"url":"http://127.0.0.1:1/capability"}`); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "by_operator") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	off := catalog.OperatorOff
	h.want(http.StatusOK, "PATCH", "/accounts/acme", portal.AccountChange{OperatorAccess: &off}, nil)
	var list []portal.Webhook
	h.want(http.StatusOK, "GET", "/accounts/acme/webhooks", nil, &list)
	if len(list) != 2 || list[0].URL != nil || list[1].URL != nil || !list[0].ByOperator || list[1].ByOperator {
		t.Errorf("%+v", list)
	}
	for _, w := range list {
		h.want(http.StatusForbidden, "POST", "/accounts/acme/webhooks/"+w.ID+"/secret", struct{}{}, nil)
		on := true
		var changed portal.Webhook
		h.want(http.StatusOK, "PATCH", "/accounts/acme/webhooks/"+w.ID, portal.WebhookChange{Enabled: &on}, &changed)
		if changed.URL != nil {
			t.Errorf("%+v", changed)
		}
	}
	if w := h.by(admin, "GET", "/accounts/acme/webhooks", ""); !strings.Contains(w.Body.String(), "/capability") {
		t.Errorf("its admin: %s", w.Body)
	}
	if w := h.by(admin, "POST", "/accounts/acme/webhooks/"+list[1].ID+"/secret?now=true", "{}"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "sgw_") {
		t.Errorf("its admin: %d %s", w.Code, w.Body)
	}
}

func TestAWebhookIsTestedAndReplayed(t *testing.T) {
	h := newHouse(t)
	var got []string
	far := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Header.Get("Sealgate-Event")) }))
	defer far.Close()
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	var made portal.WebhookMade
	h.want(http.StatusOK, "POST", "/accounts/acme/webhooks", portal.NewWebhook{URL: far.URL}, &made)
	if !strings.HasPrefix(made.Secret, "sgw_") || *made.URL != far.URL || made.State != "on" {
		t.Errorf("%+v", made)
	}
	path := "/accounts/acme/webhooks/" + made.ID
	var sent, again portal.WebhookDelivery
	h.want(http.StatusOK, "POST", path+"/test", struct{}{}, &sent)
	if sent.State != "delivered" || sent.Status == nil || *sent.Status != 200 {
		t.Errorf("%+v", sent)
	}
	h.want(http.StatusOK, "POST", path+"/deliveries/"+sent.ID+"/replay", struct{}{}, &again)
	if again.State != "waiting" || again.Event != sent.Event || again.ID == sent.ID {
		t.Errorf("%+v", again)
	}
	if err := h.api.Notices.Webhooks.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.api.Notices.Webhooks.Wait()
	if len(got) != 2 {
		t.Errorf("got %v", got)
	}
	var page portal.WebhookDeliveries
	h.want(http.StatusOK, "GET", path+"/deliveries?limit=1", nil, &page)
	if len(page.Deliveries) != 1 || page.Next == nil || page.Deliveries[0].ID != again.ID {
		t.Fatalf("%+v", page)
	}
	h.want(http.StatusOK, "GET", path+"/deliveries?before="+*page.Next, nil, &page)
	if len(page.Deliveries) != 1 || page.Next != nil || page.Deliveries[0].ID != sent.ID {
		t.Errorf("%+v", page)
	}
	var renewed portal.WebhookMade
	h.want(http.StatusOK, "POST", path+"/secret", struct{}{}, &renewed)
	if renewed.Secret == made.Secret || renewed.OldSecret == nil {
		t.Errorf("%+v", renewed)
	}
}
