package web

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/client"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/trail"
)

// audited counts what is on record of an action.
func (h *house) audited(action string) (n int) {
	h.Helper()
	h.world.Update(func(tx *catalog.Tx) error {
		entries, err := tx.AuditEntries(trail.Filter{Limit: 10_000})
		for _, e := range entries {
			if e.Action == action {
				n++
			}
		}
		return err
	})
	return n
}

// What an operator is given of a file is on record, each time: its sealed bytes, which
// open where nobody sees when the keys come, and the texts of findings, which may quote
// it. Lists, which are read all day, hold no texts for him.
func TestWhatOperatorsAreGivenIsOnRecord(t *testing.T) {
	h := newHouse(t)
	f := h.send("fel.xml", sample(t, bad))
	kept := h.send("bra.xml", sample(t, good))
	op := client.Inside(h.api.Handler(access.Caller{Actor: "operator:x", Name: "x", Operator: true, Session: uuid.New(), ProvedAt: h.world.Clock.Now()}))
	var page struct{ Files []fileobject.Object }
	if err := op.Get(t.Context(), "/files", url.Values{"state": {"held"}}, &page); err != nil || len(page.Files) != 1 || len(page.Files[0].Findings) == 0 {
		t.Fatalf("%v, %+v", err, page)
	}
	if text := page.Files[0].Findings[0].Message; text != "" || h.audited("findings.read") != 0 {
		t.Errorf("a list says %q", text)
	}
	for n := 1; n < 3; n++ {
		var one fileobject.Object
		if err := op.Get(t.Context(), "/files/"+f.ID.String(), nil, &one); err != nil || one.Findings[0].Message == "" || h.audited("findings.read") != n {
			t.Errorf("%v, %+v, %d on record", err, one.Findings, h.audited("findings.read"))
		}
		sealed, err := op.Download(t.Context(), "/files/"+kept.ID.String()+"/sealed")
		if err != nil {
			t.Fatal(err)
		}
		sealed.Close()
		if got := h.audited("sealed.read"); got != n {
			t.Errorf("%d sealed downloads are on record, of %d", got, n)
		}
	}
	h.has(h.see("admin", "/a/acme/files/"+f.ID.String()), "Anmärkningarnas texter lästa")
	h.has(h.see("reader", "/a/acme/files/"+kept.ID.String()), "Hämtad förseglad")
}

// A robot of the account that looks at the same thing in a loop fills no log that
// nobody may shorten.
func TestALoopIsOnRecordOnceAMinute(t *testing.T) {
	h := newHouse(t)
	h.send("bra.xml", sample(t, good))
	reader := access.Caller{Actor: "token:x", Name: "x", Account: h.account.ID, Role: account.Reader}
	own := client.Inside(h.api.Handler(reader))
	look := func() {
		t.Helper()
		if err := own.Get(t.Context(), "/accounts/acme/payments", nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		look()
	}
	if n := h.audited("payments.searched"); n != 1 {
		t.Errorf("%d entries", n)
	}
	h.world.Clock.Add(time.Minute)
	look()
	if n := h.audited("payments.searched"); n != 2 {
		t.Errorf("%d entries a minute later", n)
	}
	other := reader
	other.Actor = "token:y"
	own = client.Inside(h.api.Handler(other))
	look()
	if n := h.audited("payments.searched"); n != 3 {
		t.Errorf("%d entries, with another's", n)
	}
}
