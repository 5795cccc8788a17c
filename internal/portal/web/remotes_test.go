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

	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/client"
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
		"include": {"*.xml\r\n*.txt"}, "every": {"1h"}, "time_zone": {"Europe/Stockholm"}, "after": {"leave"}, "still": {"0s"}, "subfolders": {"0"}, "alarm_after": {"2h"}, "expect": {"bankdays by 17:00"},
	}
	for field, bad := range map[string]string{"name": "Å", "url": "ftp://x", "every": "often", "private_key": "no key", "expect": "soon", "after": "move", "time_zone": "Nowhere"} {
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
	h.has(h.see(operator, own), "Servern besöks inte än", "bankdays by 17:00", "2h")
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
	h.has(text, "Bekräfta fingeravtrycket", "Serverns nyckel", "Gick fel")
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
	h.has(text, "Allt gick bra", "1 of the files would be fetched")
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
	h.has(h.see("admin", own), "Fungerar", "Gick bra", "för hand av")

	form.Del("private_key") // it stays
	form.Set("after", "move")
	form.Set("folder", "klart")
	form.Set("cron", "30 6 * * 1-5")
	h.does("admin", own+"/edit", form)
	h.has(h.see("admin", own), "move:klart", "30 6 * * 1-5", "Privat nyckel", seen[1])
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
