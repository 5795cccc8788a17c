package web

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sealgate/internal/audit"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/trail"
	"sealgate/internal/transfer/intake/intaketest"
)

const (
	good = "pain001-v03/valid-01-suppliers-and-salaries.xml"
	bad  = "pain001-v03/bad-01-group-control-sum.xml"
	cut  = "pain001-v03/bad-03-truncated.xml"
)

// What is behind any route needs somebody who is signed in.
func TestEveryPageNeedsSomebody(t *testing.T) {
	h := newHouse(t)
	for _, r := range allRoutes() {
		method, path, _ := strings.Cut(r.Pattern, " ")
		path = strings.NewReplacer("{look}", "x", "{$}", "", "{account}", "acme", "{id}", "x", "{key}", "x", "{kind}", "access", "{file}", "x", "{seq}", "1", "{login}", "x", "{token}", "x", "{email}", "x", "{webhook}", "x", "{delivery}", "x", "{name}", "x", "{remote}", "x", "{agent}", "x", "{direction}", "pull").Replace(path)
		var form url.Values
		if method == "POST" {
			form = url.Values{}
		}
		w := h.visit("", method, path, form)
		if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || !strings.HasPrefix(to, "/sign-in") {
			t.Errorf("%s: %d to %q", r.Pattern, w.Code, to)
		} else if method == "GET" && to != "/sign-in?next="+url.QueryEscape(path) {
			t.Errorf("%s leads to %q", r.Pattern, to)
		}
	}
	for _, method := range []string{"GET", "POST"} {
		if w := h.visit("", method, "/a/acme/upload", url.Values{}); w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/sign-in") {
			t.Errorf("%s upload: %d", method, w.Code)
		}
	}
	if w := h.visit("", "GET", "/nowhere", nil); w.Code != http.StatusSeeOther {
		t.Errorf("what is not there: %d", w.Code)
	}
}

// Whatever belongs to another account is not there, and asking for it is on record.
func TestAnotherAccountIsNotThere(t *testing.T) {
	h := newHouse(t)
	mine, login := h.account, h.login
	h.account, h.login = h.newAccount("other")
	theirs := h.send("lon.xml", sample(t, good))
	h.account, h.login = mine, login
	own := h.send("own.xml", sample(t, good))
	for _, r := range allRoutes() {
		method, path, _ := strings.Cut(r.Pattern, " ")
		if !strings.Contains(path, "{account}") || strings.HasSuffix(path, "{account}") {
			continue // leads to the overview, which is tried
		}
		var form url.Values
		if method == "POST" {
			form = url.Values{"confirm": {"other"}, "content": {"keep"}, "answer": {"x"}, "certificate": {"x"}, "certificate_key": {"x"}}
		}
		fill := func(account, id string) string {
			return strings.NewReplacer("{$}", "", "{account}", account, "{id}", id, "{key}", "x", "{kind}", "access", "{file}", id, "{seq}", "1", "{login}", "x", "{token}", "x", "{look}", "x", "{webhook}", "x", "{delivery}", "x", "{remote}", "x", "{agent}", "x", "{direction}", "pull").Replace(path)
		}
		for _, target := range []string{fill("other", theirs.ID.String()), fill("acme", theirs.ID.String()), fill("nobody", own.ID.String())} {
			if strings.Contains(target, "/acme/") && !strings.Contains(target, theirs.ID.String()) {
				continue
			}
			h.world.Clock.Add(time.Minute) // one caller's refusals are put on record as fast as that
			h.proved = h.world.Clock.Now()
			before := h.denied()
			w := h.visit("admin", method, target, form)
			if w.Code != http.StatusNotFound {
				t.Errorf("%s %s: %d %s", method, target, w.Code, plain(w.Body.String()))
			} else if h.denied() == before && !strings.Contains(target, "/access/x") {
				t.Errorf("%s %s leaves nothing on record", method, target)
			}
		}
	}
	if w := h.visit("admin", "GET", "/a/other/upload", nil); w.Code != http.StatusNotFound {
		t.Errorf("sending to another account: %d", w.Code)
	}
	// An operator's address has to agree with the file, too.
	if w := h.visit(operator, "GET", "/a/acme/files/"+theirs.ID.String(), nil); w.Code != http.StatusNotFound {
		t.Errorf("an operator at the wrong account: %d", w.Code)
	}
}

// denied counts what is on record of those who asked for what is not theirs.
func (h *house) denied() (n int) {
	h.Helper()
	var entries []*audit.Entry
	h.world.Update(func(tx *catalog.Tx) (err error) {
		entries, err = tx.AuditEntries(trail.Filter{Limit: 10_000})
		return err
	})
	for _, e := range entries {
		if e.Action == "access.denied" {
			n++
		}
	}
	return n
}

func TestTheOverviewSaysFirstWhatNeedsSomebody(t *testing.T) {
	h := newHouse(t)
	h.has(h.see("reader", "/a/acme/"), "Inget väntar på dig", "Inga filer än")
	h.send("fel.xml", sample(t, bad))
	h.send("halv.xml", sample(t, cut))
	h.send("bra.xml", sample(t, good))
	text := h.see("reader", "/a/acme/")
	h.has(plain(text), "1 fil är stoppad och väntar på beslut.", "1 fil gick inte att läsa.", "bra.xml", "Filer i dag 3", "Filer per dag, 30 dagar")
	if strings.Index(text, "väntar på beslut") > strings.Index(text, "bra.xml") {
		t.Error("what needs somebody stands below")
	}
	if w := h.visit("reader", "GET", "/", nil); w.Header().Get("Location") != "/a/acme/" {
		t.Errorf("home leads to %q", w.Header().Get("Location"))
	}
	h.has(h.see(operator, "/accounts"), `href="/a/acme/"`)
}

func TestFilesAreFilteredAndPaged(t *testing.T) {
	h := newHouse(t)
	h.has(h.see("admin", "/a/acme/files"), "Inga filer än", `href="/a/acme/upload"`)
	h.hasNot(h.see("reader", "/a/acme/files"), `href="/a/acme/upload"`)
	for i := range pageSize {
		if _, err := h.world.Put(intaketest.Spec(h.account, h.login, fmt.Sprintf("many-%d.txt", i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	h.send("fel.xml", sample(t, bad))
	text := h.see("reader", "/a/acme/files")
	h.has(plain(text), "fel.xml", "Stoppad", "7", "106 942,45 SEK", "1 anmärkning", "SFTP")
	h.has(text, `<option value="control-sum-mismatch">Kontrollsumman stämmer inte</option>`)
	next := between(text, `rel="next" href="`, `"`)
	if next == "" || strings.Count(text, `<tr id="file-`) != pageSize {
		t.Fatalf("next page %q, %d rows", next, strings.Count(text, `<tr id="file-`))
	}
	second := h.see("reader", strings.ReplaceAll(next, "&amp;", "&"))
	if strings.Count(second, `<tr id="file-`) != 1 || !strings.Contains(second, `href="/a/acme/files"`) {
		t.Errorf("the second page has %d rows", strings.Count(second, `<tr id="file-`))
	}
	for query, rows := range map[string]int{
		"?part=FEL": 1, "?part=many-1": 11, "?part=nothing": 0, "?code=control-sum-mismatch": 1, "?code=truncated": 0, "?until=2000-01-01": 0, "?state=held": 1, "?state=kept": 0, "?source=portal": 0, "?since=2020-01-01&part=fel.xml": 1, "?since=2099-01-01": 0, "?direction=out": pageSize,
	} {
		if got := strings.Count(h.see("reader", "/a/acme/files"+query), `<tr id="file-`); got != rows {
			t.Errorf("%s: %d rows, want %d", query, got, rows)
		}
	}
	w := h.visit("reader", "GET", "/a/acme/files?since=yesterday&part=fel.xml", nil)
	h.has(w.Body.String(), "Skriv datumet som", `value="yesterday"`, `value="fel.xml"`)
	if w.Code != http.StatusUnprocessableEntity {
		t.Errorf("a day that is none: %d", w.Code)
	}
}

func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	inner, _, found := strings.Cut(rest, to)
	if !found {
		return ""
	}
	return inner
}

func TestAHeldFileIsDecidedByThoseWhoMay(t *testing.T) {
	h := newHouse(t)
	f := h.send("fel.xml", sample(t, bad))
	at := "/a/acme/files/" + f.ID.String()
	text := h.see("approver", at)
	h.has(plain(text), "Kontrollsumman stämmer inte", "control-sum-mismatch", "Händelser", "Mottagen, hel och i säkerhet", "Släpp fram", "Utradera innehållet", "Läs igen", "106 942,45 SEK", "7 betalningar")
	h.hasNot(plain(h.see("reader", at)), "Släpp fram", "Utradera innehållet", "Läs igen")
	h.hasNot(h.see("uploader", at), at+"/content")
	for _, path := range []string{at + "/release", at + "/erase"} {
		if w := h.visit("reader", "GET", path, nil); w.Code != http.StatusForbidden {
			t.Errorf("a reader at %s: %d", path, w.Code)
		}
		if w := h.visit("reader", "POST", path, url.Values{"confirm": {"fel.xml"}}); w.Code != http.StatusForbidden {
			t.Errorf("a reader sends %s: %d", path, w.Code)
		}
	}
	if to := h.does("approver", at+"/reindex", nil); to != at+"?done=reindexed" {
		t.Errorf("reindex leads to %s", to)
	}
	h.work()
	h.has(plain(h.see("approver", at+"/release")), "Betalningarna i filen räknas med")
	h.has(plain(h.see("approver", h.does("approver", at+"/release", nil))), "Filen är framsläppt.", "Sparad", "Frisläppt av en person")
	if h.world.File(f.ID).State != catalog.Kept {
		t.Errorf("it is %s", h.world.File(f.ID).State)
	}

	h.has(h.refused("approver", at+"/erase", url.Values{"confirm": {"fel"}}), "Det stämmer inte med namnet", `value="fel"`)
	if h.world.File(f.ID).State != catalog.Kept {
		t.Error("it is erased without being confirmed")
	}
	h.has(plain(h.see("approver", h.does("approver", at+"/erase", url.Values{"confirm": {" fel.xml "}}))), "Innehållet är utraderat.", "Utraderad")
}

func TestAKeptFileLeavesAsAnAttachment(t *testing.T) {
	h := newHouse(t)
	content := sample(t, good)
	f := h.send("lön <b>1.html", content)
	at := "/a/acme/files/" + f.ID.String()
	w := h.visit("reader", "GET", at+"/content", nil)
	if w.Code != http.StatusOK || w.Body.String() != content {
		t.Fatalf("%d, %d bytes", w.Code, w.Body.Len())
	}
	head := w.Header()
	if !strings.HasPrefix(head.Get("Content-Disposition"), "attachment;") || head.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(head.Get("Content-Security-Policy"), "sandbox") || head.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("%v", head)
	}
	if w := h.visit("uploader", "GET", at+"/content", nil); w.Code != http.StatusForbidden {
		t.Errorf("an uploader: %d", w.Code)
	}
	if w := h.visit("reader", "GET", at+"/sealed", nil); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<Document") {
		t.Errorf("sealed: %d", w.Code)
	}
	if w := h.visit("reader", "GET", at+"/receipt", nil); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "sealgate") {
		t.Errorf("receipt: %d", w.Code)
	}
	// What the account does not let operators see.
	h.does("admin", "/a/acme/settings", h.settings(map[string]string{"operator_access": "off"}))
	text := h.see(operator, at)
	h.has(plain(text), "Innehåll och betalningar är inte för operatörer")
	h.hasNot(text, at+"/content", at+"/receipt")
	if w := h.visit(operator, "GET", at+"/content", nil); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "<h1>") {
		t.Errorf("an operator: %d", w.Code)
	}
}

const markup = `<img src=x onerror=alert(1)>`

// What files and names say is text, whatever it looks like.
func TestMarkupInNamesAndPaymentsIsText(t *testing.T) {
	h := newHouse(t)
	escaped := strings.NewReplacer("<", "&lt;", ">", "&gt;").Replace(markup)
	content := strings.NewReplacer("Ängslyckans Mejeri AB", escaped, "INV-20260041", "&quot;&gt;&lt;script&gt;").Replace(sample(t, good))
	f := h.send(markup+".xml", content)
	h.send(markup+".txt", "<script>alert(1)</script>")
	for _, path := range []string{
		"/a/acme/", "/a/acme/files", "/a/acme/files?part=" + url.QueryEscape(markup), "/a/acme/files/" + f.ID.String(), "/a/acme/files/" + f.ID.String() + "/erase",
		"/a/acme/payments", "/a/acme/payments?payee=" + url.QueryEscape(markup), "/a/acme/payments/" + f.ID.String() + "/1", "/a/acme/outbox",
	} {
		text := h.see("admin", path)
		h.hasNot(text, markup, "<script>", `"><`+"script")
		if !strings.Contains(text, "onerror=alert(1)") && path != "/a/acme/outbox" && !strings.Contains(text, "onerror%3d") {
			t.Errorf("%s does not show it at all", path)
		}
	}
}

func TestPaymentsAreFound(t *testing.T) {
	h := newHouse(t)
	h.has(h.see("reader", "/a/acme/payments"), "Inga betalningar än")
	f := h.send("lon.xml", sample(t, good))
	held := h.send("fel.xml", strings.ReplaceAll(sample(t, bad), "BJORKO-20260302-001", "BJORKO-2"))
	text := h.see("reader", "/a/acme/payments")
	h.has(plain(text), "7 betalningar", "Ängslyckans Mejeri AB", "12 500,00 SEK", "4 mars 2026")
	for query, want := range map[string]string{
		"?payee=mejeri": "1 betalning", "?payee=MEJERI&held=yes": "2 betalningar", "?min=12+500,00&max=12.500,00&currency=sek": "1 betalning",
		"?from=2026-03-25": "3 betalningar", "?file=" + f.ID.String(): "7 betalningar", "?file=" + held.ID.String(): "7 betalningar", "?payee=nobody": "Inga betalningar passar",
	} {
		h.has(plain(h.see("reader", "/a/acme/payments"+query)), want)
	}
	for query, sentence := range map[string]string{
		"?min=mycket": "Skriv beloppet som", "?currency=XXQ": "ingen valutakod", "?from=i+gar": "Skriv datumet som",
	} {
		w := h.visit("reader", "GET", "/a/acme/payments"+query+"&payee=mejeri", nil)
		h.has(w.Body.String(), sentence, `value="mejeri"`)
		if w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", query, w.Code)
		}
	}
	if w := h.visit("reader", "GET", "/a/acme/payments?after=nonsense", nil); w.Code != http.StatusBadRequest {
		t.Errorf("a cursor that is none: %d", w.Code)
	}
	sheet := h.visit("reader", "GET", "/a/acme/payments.csv?payee=mejeri", nil)
	if lines := strings.Split(strings.TrimSpace(sheet.Body.String()), "\n"); sheet.Code != http.StatusOK || len(lines) != 2 || !strings.Contains(lines[1], "12500.00") ||
		!strings.HasPrefix(sheet.Header().Get("Content-Disposition"), "attachment") {
		t.Errorf("the sheet: %d %q", sheet.Code, sheet.Body)
	}
	if w := h.visit("reader", "GET", "/a/acme/payments.csv?min=mycket", nil); w.Code != http.StatusSeeOther {
		t.Errorf("a sheet of what is no amount: %d", w.Code)
	}
	if w := h.visit("uploader", "GET", "/a/acme/payments", nil); w.Code != http.StatusForbidden {
		t.Errorf("an uploader: %d", w.Code)
	}

	one := plain(h.see("reader", "/a/acme/payments/"+f.ID.String()+"/1"))
	h.has(one, "12 500,00 SEK", "Ängslyckans Mejeri AB", "INV-20260041", "SE80 5000 0000 0528 1011 2347", "Björkö Livs AB")
	for _, seq := range []string{"0", "8", "x", "-1", "99999999999"} {
		if w := h.visit("reader", "GET", "/a/acme/payments/"+f.ID.String()+"/"+seq, nil); w.Code/100 != 4 {
			t.Errorf("payment %s: %d", seq, w.Code)
		}
	}
}

func TestAmountsAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]int64{
		"1 234,50": 123450, "1,234.50": 123450, "1.234,50": 123450, "1234.5": 123450, "1234": 123400, "1,234": 123400, "1.234": 123400, "1 234 567,8": 123456780,
		"1.234.567": 123456700, "−5,00": -500, "-5": -500, "0,5": 50, "1'234.50": 123450,
	} {
		if got, ok := amountOf(text, 2); !ok || got != want {
			t.Errorf("%q: %d %v, want %d", text, got, ok, want)
		}
	}
	if got, ok := amountOf("1,234", 3); !ok || got != 1234 {
		t.Errorf("three decimals: %d %v", got, ok)
	}
	for _, text := range []string{"", "x", "1.2.3,4,5x", "--5", "1,234,5", "12e3", ".", "99999999999999999999"} {
		if got, ok := amountOf(text, 2); ok {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestTheOutboxIsFetchedAndDone(t *testing.T) {
	h := newHouse(t)
	h.has(h.see("reader", "/a/acme/outbox"), "Utkorgen är tom")
	f, err := h.out.Send(t.Context(), h.account.ID, "besked.txt", strings.NewReader("hej"), "operator:test", "operator")
	if err != nil {
		t.Fatal(err)
	}
	h.work()
	text := h.see("reader", "/a/acme/outbox")
	h.has(plain(text), "besked.txt", "3 B", "Markera som hämtad")
	h.hasNot(plain(h.see(operator, "/a/acme/outbox")), "Markera som hämtad")
	if w := h.visit("reader", "GET", "/a/acme/files/"+f.ID.String()+"/content", nil); w.Body.String() != "hej" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	at := "/a/acme/outbox/" + f.ID.String() + "/done"
	if w := h.visit(operator, "POST", at, url.Values{}); w.Code != http.StatusForbidden {
		t.Errorf("an operator: %d", w.Code)
	}
	h.has(plain(h.see("reader", h.does("reader", at, nil))), "Filen är markerad som hämtad.", "Utkorgen är tom")
	if h.world.File(f.ID).State != catalog.Delivered {
		t.Errorf("it is %s", h.world.File(f.ID).State)
	}
}

// A search that has looked at the newest names only does not say that there is none.
func TestASearchSaysHowFarItWent(t *testing.T) {
	h := newHouse(t)
	for i := range 3 {
		if _, err := h.world.Put(intaketest.Spec(h.account, h.login, fmt.Sprintf("many-%d.txt", i)), nil); err != nil {
			t.Fatal(err)
		}
	}
	h.api.Opens = 2
	text := h.see("reader", "/a/acme/files?part=many-0")
	h.has(plain(text), "Inga filer än bland de nyaste", "De 2 nyaste är genomsökta")
	h.hasNot(plain(text), "Inga filer passar")
	next := strings.ReplaceAll(between(text, `rel="next" href="`, `"`), "&amp;", "&")
	text = h.see("reader", next)
	h.has(plain(text), "many-0.txt")
	h.hasNot(plain(text), "genomsökta")
	h.has(plain(h.see("reader", "/a/acme/files?part=other&before=1")), "Inga filer passar")
}

// The first file of an account appears by itself: what says that there is none is
// renewed, too, and turns into the list.
func TestAnEmptyListIsLive(t *testing.T) {
	h := newHouse(t)
	const list = `<div id="file-list"`
	for _, path := range []string{"/a/acme/files", "/a/acme/files?state=held", "/a/acme/"} {
		h.has(h.see("reader", path), list+` data-live`, `data-events="/api/v1/accounts/acme/events"`)
	}
	h.send("bra.xml", sample(t, good))
	for _, path := range []string{"/a/acme/files", "/a/acme/"} {
		h.has(h.see("reader", path), list+`><table`, `id="file-rows" data-live data-events=`)
	}
}

// Who has a session that somebody else may sit at proves who he is before a file's
// content is erased; the page asks before anything is typed.
func TestErasingAsksForAProof(t *testing.T) {
	h := newHouse(t)
	f := h.send("lon.xml", sample(t, good))
	at := "/a/acme/files/" + f.ID.String() + "/erase"
	h.proved = h.world.Clock.Now().Add(-time.Hour)
	for _, method := range []string{"GET", "POST"} {
		var form url.Values
		if method == "POST" {
			form = url.Values{"confirm": {"lon.xml"}}
		}
		w := h.visit("admin", method, at, form)
		if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/sign-in/again?next="+url.QueryEscape(at) {
			t.Errorf("%s: %d to %s", method, w.Code, to)
		}
	}
	if state := h.world.File(f.ID).State; state != catalog.Kept {
		t.Errorf("it is %s", state)
	}
	w := h.visit("admin", "POST", "/a/acme/alarms/recipients", url.Values{"recipients": {"ekonomi@acme.example"}, "language": {"sv"}})
	back, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusSeeOther || back.Path != "/sign-in/again" {
		t.Fatalf("recipients: %d to %s, %v", w.Code, back, err)
	}
	h.has(h.see("admin", back.Query().Get("next")), "ekonomi@acme.example") // what was typed is there again
}

// A statement stands under its own account's heading, and a form that takes a key is
// shown to who may send it.
func TestKeysOfAnotherAccountAreNotThere(t *testing.T) {
	h := newHouse(t)
	h.newAccount("beta")
	h.does("admin", "/a/acme/keys/renew", nil)
	older := regexp.MustCompile(`/a/acme/keys/certificates/[^"]+/remove`).FindAllString(h.see("admin", "/a/acme/keys"), -1)[1]
	own, _, _ := strings.Cut(h.does("admin", older, url.Values{"confirm": {"acme"}, "after": {"now"}}), "?")
	for path, want := range map[string]int{own: http.StatusOK, own + "/text": http.StatusOK, strings.Replace(own, "acme", "beta", 1): http.StatusNotFound, strings.Replace(own, "acme", "beta", 1) + "/text": http.StatusNotFound} {
		if w := h.visit(operator, "GET", path, nil); w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := h.visit("reader", "GET", strings.Replace(own, "acme", "beta", 1), nil); w.Code != http.StatusNotFound {
		t.Errorf("under a foreign name: %d", w.Code)
	}
	for _, form := range []string{"/keys/renew", "/keys/import", "/keys/access/new"} {
		for account, who := range map[string]map[string]int{
			"acme": {"admin": http.StatusOK, operator: http.StatusOK, "reader": http.StatusForbidden, "uploader": http.StatusForbidden}, "beta": {"admin": http.StatusNotFound},
		} {
			for role, want := range who {
				if w := h.visit(role, "GET", "/a/"+account+form, nil); w.Code != want {
					t.Errorf("%s of %s as %s: %d, want %d", form, account, role, w.Code, want)
				}
			}
		}
	}
}
