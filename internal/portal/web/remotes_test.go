package web

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/client"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote/remotetest"
)

// A server is added, tried, confirmed, visited, switched off and removed by forms alone.
func TestARemoteIsAddedConfirmedVisitedAndRemoved(t *testing.T) {
	server := remotetest.OpenSSH(t)
	if err := os.WriteFile(filepath.Join(server.Disk, "a.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	h.has(h.see("admin", "/a/acme/remotes"), "Inga fjärrservrar", `href="/a/acme/remotes/new/pull"`)
	if w := h.visit("approver", "GET", "/a/acme/remotes", nil); w.Code != http.StatusForbidden {
		t.Errorf("an approver: %d", w.Code)
	}
	const own = "/a/acme/remotes/of/bank"
	form := url.Values{
		"name": {"bank"}, "url": {fmt.Sprintf("sftp://%s@127.0.0.1:%d%s", server.User, server.Port, server.Disk)}, "private_key": {strings.ReplaceAll(string(server.Key), "\n", "\r\n")},
		"include": {"*.xml\r\n*.txt"}, "every": {"1h"}, "time_zone": {"Europe/Stockholm"}, "after": {"leave"}, "still": {"0s"}, "subfolders": {"0"}, "alarm_after": {"2h"}, "expect_days": {"bankdays"}, "expect_by": {"17:00"},
	}
	for field, bad := range map[string]string{"name": "Å", "url": "ftp://x", "every": "often", "private_key": "no key", "expect_by": "soon", "after": "move", "time_zone": "Nowhere"} {
		wrong := url.Values{}
		for name, values := range form {
			wrong[name] = values
		}
		wrong.Set(field, bad)
		text := h.refused("admin", "/a/acme/remotes/new/pull", wrong)
		h.has(text, "*.xml", `value="2h"`)
		h.hasNot(text, "BEGIN OPENSSH", "no key<")
	}
	if to := h.does("admin", "/a/acme/remotes/new/pull", form); to != own+"?done=remote-added" {
		t.Fatalf("leads to %s", to)
	}
	h.has(h.see("admin", "/a/acme/remotes"), "bank", "Behöver bekräftas")
	h.has(h.see(operator, own), "Servern besöks inte än", "Bankdagar, senast 17:00", "2 timmar")
	h.hasNot(h.see("admin", own+"/edit"), "BEGIN")

	tested := func() string {
		t.Helper()
		w := h.visit("admin", "POST", own+"/test", url.Values{})
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, plain(w.Body.String()))
		}
		return w.Body.String()
	}
	text := tested()
	h.has(text, "Bekräfta fingeravtrycket", "Serverns nyckel", "Bekräfta servern och prova igen")
	seen := regexp.MustCompile(`name="fingerprint" value="([^"]+)"`).FindStringSubmatch(text)
	if seen == nil {
		t.Fatal(plain(text))
	}
	fingerprint := strings.ReplaceAll(seen[1], "&#43;", "+")
	confirm := url.Values{"fingerprint": {fingerprint}}
	h.proved = h.world.Clock.Now().Add(-time.Hour)
	for _, target := range []string{"/test", "/confirm", "/remove"} {
		if to := h.does("admin", own+target, confirm); !strings.HasPrefix(to, "/sign-in/again") {
			t.Errorf("%s without a fresh proof leads to %s", target, to)
		}
	}
	h.proved = h.world.Clock.Now()
	h.does("admin", own+"/confirm", confirm)
	h.has(h.see("admin", own), seen[1], "Inget besök än")
	text = tested()
	h.has(text, "Allt gick bra", "1 fil skulle hämtas")
	h.hasNot(text, "Bekräfta fingeravtrycket")

	h.does("admin", own+"/run", nil)
	local := client.Inside(h.api.Handler(access.ControlSocket))
	var runs []portal.RemoteRun
	if err := local.Get(t.Context(), "/accounts/acme/remotes/bank/runs", nil, &runs); err != nil || len(runs) != 1 {
		t.Fatalf("%+v, %v", runs, err)
	}
	if err := local.Get(t.Context(), "/accounts/acme/remotes/bank/runs/"+runs[0].ID, url.Values{"wait": {"60"}}, &runs[0]); err != nil {
		t.Fatal(err)
	}
	h.has(h.see("admin", own), "Fungerar", "Gick bra", "För hand: erp@acme.example")

	form.Del("private_key") // it stays
	form.Set("after", "move")
	form.Set("folder", "klart")
	form.Set("cron", "30 6 * * 1-5")
	h.does("admin", own+"/edit", form)
	h.has(h.see("admin", own), "Den flyttas där", "klart", "30 6 * * 1-5", "Privat nyckel", seen[1])
	h.does("admin", own+"/off", nil)
	h.has(h.see("admin", own), "Slå på")
	h.does("admin", own+"/on", nil)
	form.Set("url", "sftp://other@127.0.0.1:1/") // the key is of no use there
	h.does("admin", own+"/edit", form)
	h.has(h.see("admin", own), "Inget är bekräftat", "Inloggning saknas")
	h.has(h.see("admin", own+"/remove"), "hämtas de filer som ligger där en gång till")
	if to := h.does("admin", own+"/remove", nil); to != "/a/acme/remotes?done=remote-removed" {
		t.Errorf("leads to %s", to)
	}
	if w := h.visit("admin", "GET", own, nil); w.Code != http.StatusNotFound {
		t.Errorf("removed: %d", w.Code)
	}
}

// pushesInVain sets up a server where nothing listens, by an operator, and a file of
// which nobody knows whether it lies there; it returns what tries others in vain.
func (h *house) pushesInVain(lost string) (id string, try func(name, code string) string) {
	h.Helper()
	address, key, on := "sftp://u@127.0.0.1:1/in", "hunter2", false
	n := portal.NewRemote{Name: "out", Direction: "push"}
	n.URL, n.Password, n.Enabled, n.HostKeys = &address, &key, &on, &[]string{"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}
	n.OldAlgorithms, n.OldUntil = &[]string{"ssh-rsa"}, new("2027-06-30")
	n.Limits = &portal.RemoteLimits{Files: 7, FileSize: 5_000_000}
	var made portal.Remote
	if err := client.Inside(h.api.Handler(access.ControlSocket)).Post(h.Context(), "/accounts/acme/remotes", n, &made); err != nil {
		h.Fatal(err)
	}
	try = func(name, code string) string {
		h.Helper()
		f, err := h.out.Send(h.Context(), h.account.ID, name, strings.NewReader("hej"), "operator:test", "operator")
		if err != nil {
			h.Fatal(err)
		}
		h.work()
		h.world.Update(func(tx *catalog.Tx) error {
			return tx.PutRemotePush(&table.PushState{
				Remote: uuid.MustParse(made.ID), File: f.ID, Names: []byte("sealed"), Stage: table.PushRenaming, Tries: 2,
				RunAt: h.world.Clock.Now().Add(time.Hour), ChangedAt: h.world.Clock.Now(), Error: code,
			})
		})
		return f.ID.String()
	}
	return try(lost, "answer-lost"), try
}

// Of a file whose answer was lost, whoever manages the remote says that it has arrived, or
// has it sent again.
func TestAFileOfWhichNobodyKnowsIsSettledByAPerson(t *testing.T) {
	h := newHouse(t)
	lost, tried := h.pushesInVain("lost.xml")
	refused, other := tried("refused.xml", "no-right"), tried("other.xml", "answer-lost")
	const own = "/a/acme/remotes/of/out"
	h.has(plain(h.see("admin", own)), "Upplagd av Den som sköter gatewayen", "Inte säkra längre: ssh-rsa. De tillåts till och med 30 juni 2027", "7 filer, filer upp till 5,0 MB")
	h.has(plain(h.see("admin", own+"/edit")), "gateway remote set acme out --help")
	for setting, want := range map[string]bool{"asked": true, "on": false} {
		if err := client.Inside(h.api.Handler(access.ControlSocket)).Patch(t.Context(), "/accounts/acme", map[string]string{"operator_access": setting}, nil); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(plain(h.see("admin", own)), "Inget lämnas här"); got != want {
			t.Errorf("%s: %t", setting, got)
		}
	}
	if err := client.Inside(h.api.Handler(access.ControlSocket)).Patch(t.Context(), "/accounts/acme", map[string]string{"operator_access": "on"}, nil); err != nil {
		t.Fatal(err)
	}
	text := plain(h.see("admin", own))
	h.has(text, "2 filer behöver ett svar av någon", "lost.xml Oklart om den kommit fram", "Den har kommit fram", "refused.xml Servern tillåter inte detta för inloggningen.", "Försök nu")
	h.has(plain(h.see(operator, own)), "Den har kommit fram Skicka")
	h.has(plain(h.see("admin", "/a/acme/remotes")), "2 filer behöver ett svar av någon")

	w := h.visit("admin", "POST", own+"/test", url.Values{})
	h.has(plain(w.Body.String()), "Namnet leder till 127.0.0.1.", "Servern finns, men inget svarar på dess port. Kontrollera porten", "“nothing listens at port 1 of the server")

	at := func(file, what string) string { return own + "/files/" + file + "/" + what }
	if w := h.visit("approver", "POST", at(lost, "arrived"), nil); w.Code != http.StatusForbidden {
		t.Errorf("an approver: %d", w.Code)
	}
	if w := h.visit("admin", "POST", at(refused, "arrived"), nil); w.Code < 400 { // it waits for no answer
		t.Errorf("an admin: %d", w.Code)
	}
	h.has(plain(h.see("admin", h.does("admin", at(lost, "arrived"), nil))), "Filen är markerad som lämnad.", "1 fil behöver ett svar")
	if f := h.world.File(uuid.MustParse(lost)); f.State != catalog.Delivered {
		t.Errorf("it is %s", f.State)
	}
	h.has(plain(h.see("admin", h.does("admin", at(other, "again"), nil))), "Filen skickas igen.")
	h.hasNot(plain(h.see("admin", own)), "other.xml", "behöver ett svar")
	h.hasNot(plain(h.see("admin", "/a/acme/remotes")), "behöver ett svar")
}
