package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sealgate/internal/browsertest"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/web/ui"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/remote/remotetest"
)

// served lets a browser see the pages as somebody with this role.
func (h *house) served(role string) *httptest.Server {
	h.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, c := h.person(role)
		p.Language = ""
		h.pages.ServeHTTP(w, r.WithContext(access.With(ui.WithPerson(r.Context(), p), c)))
	}))
	h.Cleanup(s.Close)
	return s
}

// look has a page judged by axe and by its width, and keeps a picture when somebody
// wants to look at it.
func look(t *testing.T, p *browsertest.Page, name string) {
	t.Helper()
	p.Wait("document.readyState == 'complete'")
	p.Accessible()
	if d := browsertest.Eval[int](p, "document.documentElement.scrollWidth - innerWidth"); d > 0 {
		t.Errorf("%s is %d wider than the window", name, d)
	}
	if dir := os.Getenv("SEALGATE_SCREENSHOTS"); dir != "" {
		p.Screenshot(filepath.Join(dir, name+".png"))
	}
}

// looks are two of the ways in which people look at pages; the campaigns have all.
var looks = map[string]func(*browsertest.Browser, string) *browsertest.Page{
	"sv-phone": func(b *browsertest.Browser, at string) *browsertest.Page {
		return b.Open(at, browsertest.Phone, browsertest.Language("sv"))
	},
	"en-wide": func(b *browsertest.Browser, at string) *browsertest.Page {
		return b.Open(at, browsertest.Wide, browsertest.Language("en"), browsertest.Dark)
	},
}

// A server is tested, confirmed and tested again, and files that wait for an answer are
// shown: pages that no link leads to.
func TestRemotesInChromium(t *testing.T) {
	server := remotetest.OpenSSH(t)
	if err := os.WriteFile(filepath.Join(server.Disk, "lon.xml"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t)
	s := h.served("admin")
	b := browsertest.Start(t, browsertest.Options{Trust: s.Certificate()})
	h.pushesInVain("utbetalningar-med-ett-mycket-langt-namn-2026-11.xml")
	for name, open := range looks {
		local := client.Inside(h.api.Handler(access.ControlSocket))
		key := string(server.Key)
		n := portal.NewRemote{Name: "bank-" + name, Direction: "pull"}
		address, expect := fmt.Sprintf("sftp://%s@127.0.0.1:%d%s", server.User, server.Port, server.Disk), "bankdays by 17:00"
		n.URL, n.PrivateKey, n.Expect, n.Include = &address, &key, &expect, &[]string{"*.xml", "*.txt"}
		if err := local.Post(t.Context(), "/accounts/acme/remotes", n, nil); err != nil {
			t.Fatal(err)
		}
		p := open(b, s.URL)
		p.Goto("/a/acme/remotes")
		look(t, p, name+"-remotes")
		own := "/a/acme/remotes/of/bank-" + name
		p.Goto(own)
		look(t, p, name+"-remote-new")
		p.Click(`form[action$="/test"] button`)
		p.WaitPath(own + "/test")
		look(t, p, name+"-remote-test-unconfirmed")
		p.Click(`form[action$="/confirm"] button`)
		p.WaitPath(own)
		p.Wait("!location.pathname.endsWith('/test') && document.readyState == 'complete'")
		p.Click(`form[action$="/test"] button`)
		p.WaitPath(own + "/test")
		look(t, p, name+"-remote-test")
		p.Goto(own)
		p.Click(`form[action$="/run"] button`)
		p.Wait("location.search != '' && document.readyState == 'complete'")
		p.Goto(own)
		look(t, p, name+"-remote-runs")
		p.Goto(own + "/edit")
		look(t, p, name+"-remote-edit")
		p.Goto("/a/acme/remotes/of/out")
		look(t, p, name+"-remote-files")
		p.Click(`form[action$="/run"] button`)
		p.Wait("location.search != '' && document.readyState == 'complete'")
		p.Goto("/a/acme/remotes/of/out")
		look(t, p, name+"-remote-failed")
		p.Close()
	}
}

// Work that failed is listed by what it was, and by why.
func TestFailedWorkInChromium(t *testing.T) {
	h := newHouse(t)
	h.world.Update(func(tx *catalog.Tx) error {
		for i, reason := range []string{"full", "internal", "a reason that nobody has given words, and that is long"} {
			j := &catalog.Job{Kind: catalog.IndexJob, Account: h.account.ID, RunAt: h.world.Clock.Now().Add(time.Hour), Attempt: int64(i) + 1, LastError: reason}
			if err := tx.AddJob(j); err != nil {
				return err
			}
		}
		return nil
	})
	s := h.served(operator)
	b := browsertest.Start(t, browsertest.Options{Trust: s.Certificate()})
	for name, open := range looks {
		p := open(b, s.URL)
		for page, path := range map[string]string{"queues": "/queues", "failed-work": "/queues/of/" + catalog.IndexJob} {
			p.Goto(path)
			look(t, p, name+"-"+page)
		}
		p.Close()
	}
}
