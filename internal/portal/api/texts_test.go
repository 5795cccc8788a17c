package api

import (
	"net/http"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// In lists, who is on the machine is given the texts of findings, once on record a
// list; who runs the gateway from away is not, and nobody when the account says no.
func TestTextsOfFindingsInLists(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	acct := h.account("acme")
	login := h.login("acme")
	var files []*catalog.File
	for _, name := range []string{"a.xml", "b.xml"} {
		f, err := h.world.Put(intaketest.Spec(acct, login, name), []byte("<payments/>"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	var jobs []*catalog.Job
	h.world.Update(func(tx *catalog.Tx) (err error) {
		jobs, err = tx.LeaseJobs(catalog.IndexJob, "test", h.world.Clock.Now(), time.Minute, 10)
		return err
	})
	for _, job := range jobs {
		if err := h.api.Indexer.Handle(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	texts := func(c access.Caller) (n int) {
		var page struct{ Files []fileobject.Object }
		if code := h.ask(c, "GET", "/files?account=acme", "", &page); code != http.StatusOK || len(page.Files) != 2 {
			t.Fatalf("%d: %+v", code, page)
		}
		for _, f := range page.Files {
			if len(f.Findings) == 0 {
				t.Fatalf("%s has no finding", f.Shown())
			}
			if f.Findings[0].Message != "" {
				n++
			}
		}
		return n
	}
	// On a full disk no text is given, for that could not be put on record; the rest is.
	for range 2 {
		h.world.Faults.FullNext()
		if got := texts(access.ControlSocket); got != 0 {
			t.Errorf("%d texts without a record", got)
		}
		var one fileobject.Object
		h.world.Faults.FullNext()
		h.want(http.StatusOK, "GET", "/files/"+files[0].ID.String(), nil, &one)
		if len(one.Findings) == 0 || one.Findings[0].Message != "" {
			t.Errorf("%+v", one.Findings)
		}
	}
	away := access.Caller{Actor: "operator:somebody", Operator: true}
	own := access.Caller{Actor: "login:x", Account: acct.ID, Role: account.Reader}
	for _, c := range []struct {
		leave            string
		machine, records int
	}{{"on", 2, 1}, {"off", 0, 0}} {
		h.want(http.StatusOK, "PATCH", "/accounts/acme", map[string]string{"operator_access": c.leave}, nil)
		before := h.audited("findings.read")
		if got := texts(access.ControlSocket); got != c.machine {
			t.Errorf("access %s: %d texts on the machine, want %d", c.leave, got, c.machine)
		}
		if got := texts(away); got != 0 {
			t.Errorf("access %s: %d texts from away", c.leave, got)
		}
		if got := texts(own); got != 2 {
			t.Errorf("access %s: %d texts for the account's own people", c.leave, got)
		}
		if got := h.audited("findings.read") - before; got != c.records {
			t.Errorf("access %s: %d audit entries, want %d", c.leave, got, c.records)
		}
	}
}
