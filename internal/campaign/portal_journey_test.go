package campaign

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/browsertest"
)

// A person's day in a browser, from the first sign-in with a second factor to a login
// that a robot uses over real SFTP; wide and on a phone.
func TestPortalJourney(t *testing.T) {
	for _, size := range browsertest.Sizes {
		t.Run(size.Name, func(t *testing.T) {
			g := newGateway(t, "")
			g.account("acme", "keep")
			anna := g.person("acme", "anna", "admin").at(g.browser(), size)
			anna.signIn("/")
			anna.WaitPath("/a/acme/")
			anna.addCodes()
			anna.signOut()
			anna.signIn("/a/acme/upload")
			kept, held := anna.sendsByDrop()
			anna.looksAtFiles(kept, held)
			anna.searchesPayments()
			anna.changesPolicy()
			anna.addsRobot()
		})
	}
}

// addCodes sets one-time codes up as the second factor.
func (s *somebody) addCodes() {
	s.g.t.Helper()
	s.Goto("/me/codes")
	s.confirmCodes()
}

func (s *somebody) signOut() {
	s.g.t.Helper()
	s.Goto("/me")
	s.Wait("document.querySelector('form[action=\"/sign-out\"] button')")
	browsertest.Eval[bool](s.Page, `document.querySelector('form[action="/sign-out"]').requestSubmit() || true`)
	s.WaitPath("/sign-in")
}

// sendsByDrop drops a good file and a bad one, and sees what the indexer says as soon
// as it is known.
func (s *somebody) sendsByDrop() (kept, held string) {
	s.g.t.Helper()
	good := copyOf(s.g.t, salaries, "löner <i>november.xml")
	bad := copyOf(s.g.t, samples+"/pain001-v09/bad-01-group-control-sum.xml", "fel.xml")
	s.Wait("document.querySelector('.scripted')")
	s.Drop("#upload", good, bad)
	s.WaitText(".upload:nth-child(1) .badge", "Kept")
	s.WaitText(".upload:nth-child(2) .badge", "Held")
	s.WaitText(".upload:nth-child(2) .finding", "A control sum is wrong")
	s.WaitText("#upload-summary", "Received: 2 of 2")
	s.Accessible()
	if n := s.Count("i, b"); n != 0 {
		s.g.t.Errorf("the name of a file became %d elements", n)
	}
	ids := browsertest.Eval[[]string](s.Page, `[...document.querySelectorAll(".upload .result")].map(e => e.id.replace("file-", ""))`)
	return ids[0], ids[1]
}

// looksAtFiles opens the findings of the held one, and downloads the kept one.
func (s *somebody) looksAtFiles(kept, held string) {
	s.g.t.Helper()
	s.Goto("/a/acme/files")
	s.WaitText("td", "löner <i>november.xml")
	s.Click("td a[href$='" + held + "']")
	s.WaitPath("/a/acme/files/" + held)
	s.WaitText(".finding", "A control sum is wrong")

	dir := s.g.t.TempDir()
	s.Downloads(dir)
	s.Goto("/a/acme/files/" + kept)
	s.Click("a[href$='/content']")
	var got []byte
	want, err := os.ReadFile(salaries)
	s.g.check(err)
	for range 200 { // the browser renames it when it is whole
		files, err := filepath.Glob(filepath.Join(dir, "*.xml"))
		s.g.check(err)
		if len(files) == 1 {
			got, err = os.ReadFile(files[0])
			s.g.check(err)
			break
		}
		pause(50 * time.Millisecond)
	}
	if !bytes.Equal(got, want) {
		s.g.t.Errorf("%d bytes were downloaded, not the %d that were sent", len(got), len(want))
	}
}

// searchesPayments finds those of one payee, and none of another.
func (s *somebody) searchesPayments() {
	s.g.t.Helper()
	s.Goto("/a/acme/payments")
	payee := browsertest.Eval[string](s.Page, `document.querySelector("td a.strong").innerText`)
	all := s.Count("tbody tr")
	s.Type("[name=payee]", payee)
	s.Click("form.card button")
	s.Wait("location.search.includes('payee=')")
	s.WaitText("td", payee)
	if n := s.Count("tbody tr"); n == 0 || n >= all {
		s.g.t.Errorf("%d of %d payments are to %s", n, all, payee)
	}
	s.Goto("/a/acme/payments?payee=nobodyofthatname")
	s.Wait("document.querySelector('.empty')")
}

// changesPolicy lets contents go after indexing; the next file's does.
func (s *somebody) changesPolicy() {
	s.g.t.Helper()
	s.Goto("/a/acme/settings")
	s.Click("[name=content][value=delete]")
	s.Click("form[action$='/settings'] .actions button")
	s.Wait("location.search.includes('done=')")
	var account struct {
		Content string `json:"content"`
	}
	s.g.mustJSON(&account, "account", "show", "acme")
	if account.Content != "delete" {
		s.g.t.Errorf("the account's content is to be %s", account.Content)
	}
	s.Goto("/a/acme/upload")
	s.Wait("document.querySelector('.scripted')")
	s.Pick("#files", copyOf(s.g.t, lb, "leverantörer.lb"))
	s.WaitText(".result .badge", "Done, content deleted")
}

// addsRobot adds a login with a key, which a robot sends a file with at once, by a real
// client.
func (s *somebody) addsRobot() {
	s.g.t.Helper()
	key, err := os.ReadFile(s.g.keyFile + ".pub")
	s.g.check(err)
	s.Goto("/a/acme/logins")
	s.Click("a[href$='/logins/new']")
	s.WaitPath("/a/acme/logins/new")
	s.Type("[name=username]", "erp-robot")
	s.Click("[name=how][value=key]")
	s.Type("[name=ssh_keys]", strings.TrimSpace(string(key)))
	s.Click("form[action$='/logins/new'] .actions button")
	s.WaitPath("/a/acme/logins/of/erp-robot")
	s.Goto("/a/acme/files")
	if out, err := s.g.openssh("erp-robot", "put "+samples+"/pain001-v09/valid-02-five-currencies.xml /in/from-erp.xml\n"); err != nil {
		s.g.t.Fatalf("sftp: %v\n%s", err, out)
	}
	s.WaitText("td", "from-erp.xml") // the page was there before the file
	s.WaitText("#file-rows tr:first-child .badge, #file-rows tr:nth-child(2) .badge", "Done, content deleted")
}
