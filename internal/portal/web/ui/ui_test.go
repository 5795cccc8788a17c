package ui

import (
	"embed"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/portal"
)

//go:embed testdata/templates
var galleryFiles embed.FS

var none = fstest.MapFS{}

func page(body string) fstest.MapFS {
	return fstest.MapFS{"templates/page.html": {Data: []byte(body)}}
}

func request(lang Language, target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	p := Person{Username: "anna.berg@example.com", Role: "admin", Account: "acme", Language: lang}
	return r.WithContext(WithPerson(r.Context(), p))
}

func render(t *testing.T, u *UI, r *http.Request, name string, p Page) string {
	t.Helper()
	w := httptest.NewRecorder()
	u.Render(w, r, http.StatusOK, name, p)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// gallery is a page with every component; SEALGATE_GALLERY=FILE writes it out with
// its style, to be looked at in a browser.
type gallery struct {
	Form     *Form
	Options  []Option
	States   []string
	Findings []payment.Finding
	Chart    Chart
	Confirm  Confirm
	Tabs     []Tab
	Pager    Pager
	Secret   Secret
	When     time.Time
	Amount   int64
}

func everything() gallery {
	g := gallery{
		Form:    &Form{Values: url.Values{"payee": {"<b>Björk & Co</b>"}, "held": {"yes"}, "content": {"keep"}}, Errors: map[string]string{"keep_for": "Skriv som 400d."}},
		Options: []Option{{"keep", "Spara", "Filerna ligger förseglade."}, {"delete", "Radera", "Bara registret finns kvar."}},
		Confirm: Confirm{Sentence: "Innehållet i 12 filer går förlorat för alltid.", Must: "acme", Action: "/x", Button: "Förstör nyckeln", Cancel: "/y"},
		Tabs:    []Tab{{"/a", "Certifikat", true, 2}, {"/b", "Nycklar", false, 0}},
		Pager:   Pager{First: "/f", Next: "/n"}, Secret: Secret{Label: "Nyckel", Value: "sgt_ABC", Help: "Visas bara nu."},
		When: time.Date(2026, 3, 5, 13, 4, 0, 0, time.UTC), Amount: -123456789,
	}
	for state := range stateBadges {
		g.States = append(g.States, state)
	}
	for _, code := range []payment.Code{payment.ControlSumMismatch, payment.Truncated, payment.AddressUnstructured, payment.TestFile} {
		g.Findings = append(g.Findings, payment.Finding{Code: code, Severity: code.Severity(), Count: 2, FirstAt: &payment.Place{Line: 12}, Message: `stated "<script>alert(1)</script>"`})
	}
	g.Chart = Chart{Title: "Filer per dag", Unit: "Filer", Part: "Problem"}
	for d := range int64(30) {
		g.Chart.Bars = append(g.Chart.Bars, Bar{Label: "dag", Value: d * 7 % 40, Part: d % 4})
	}
	return g
}

func TestEveryComponentInEveryLanguage(t *testing.T) {
	u, err := New(sub(t, galleryFiles))
	if err != nil {
		t.Fatal(err)
	}
	for _, lang := range Languages {
		text := render(t, u, request(lang, "/?done=saved"), "gallery", Page{Title: "Allt", Section: "files", Crumbs: []Crumb{{"Filer", "/files"}}, Data: everything()})
		for _, unwanted := range []string{"<no value>", "%!", "<script>alert", "<b>Björk", "ZgotmplZ", "style="} {
			if strings.Contains(text, unwanted) {
				t.Errorf("%s: the page holds %q", lang, unwanted)
			}
		}
		for _, wanted := range []string{`lang="` + string(lang) + `"`, `aria-invalid="true"`, `aria-describedby="f-keep_for-error"`, "&lt;b&gt;Björk", `datetime="2026-03-05T13:04:00Z"`, `aria-current="page"`} {
			if !strings.Contains(text, wanted) {
				t.Errorf("%s: the page lacks %q", lang, wanted)
			}
		}
		if ids := duplicates(text); len(ids) > 0 {
			t.Errorf("%s: ids that stand twice: %v", lang, ids)
		}
		if file := os.Getenv("SEALGATE_GALLERY"); file != "" && lang == Swedish {
			writeOut(t, file, text)
		}
	}
}

func duplicates(text string) (list []string) {
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if seen[m[1]] {
			list = append(list, m[1])
		}
		seen[m[1]] = true
	}
	return list
}

func TestAPageCannotBeHalfTranslated(t *testing.T) {
	for name, try := range map[string]struct {
		body  string
		texts Texts
	}{
		"a text that is nowhere":        {`{{t "no.such"}}`, nil},
		"one deep inside":               {`{{if .Data}}{{range .Data}}{{with .X}}<p>{{t "no.such"}}</p>{{end}}{{end}}{{end}}`, nil},
		"the label of a field":          {`{{template "field" (field .Data.Form "x" "label" "no.such")}}`, nil},
		"one language only":             {``, Texts{"x": {"ja", ""}}},
		"a value in one language only":  {``, Texts{"x": {"{n} filer", "files"}}},
		"values of different names":     {``, Texts{"x": {"{n} filer", "{m} files"}}},
		"a template that does not end":  {`{{if .Data}}`, nil},
		"a component that is not there": {`{{template "carousel" .}}`, Texts{"x": {"a", "b"}}},
	} {
		_, err := New(page(try.body), try.texts)
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestEveryWordThatTheGatewayUsesHasAText(t *testing.T) {
	l := Must(New(none)).locales[Swedish]
	for state := range stateBadges {
		if !l.Has("state."+state) || !l.Has("state."+state+".text") {
			t.Errorf("no text for the state %s", state)
		}
	}
	// The codes are constants of package payment; its source is the list.
	source, err := os.ReadFile("../../../payment/finding.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(`Code = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(codes) < 40 || len(codes) != len(findingTexts) {
		t.Errorf("%d codes, %d texts", len(codes), len(findingTexts))
	}
	for _, m := range codes {
		if !l.Has("finding." + m[1]) {
			t.Errorf("no text for the finding %s", m[1])
		}
	}
	for _, groups := range [][]group{accountNav, gatewayNav} {
		for _, g := range groups {
			for _, i := range g.Items {
				if !l.Has("nav."+i.Name) || icons[i.Icon] == "" {
					t.Errorf("item %s: text or icon %s is missing", i.Name, i.Icon)
				}
			}
		}
	}
}

func TestNumbersOfEachLanguage(t *testing.T) {
	sv, en := numbersOf[Swedish], numbersOf[English]
	for _, c := range []struct{ got, want string }{
		{sv.Amount(123450, "SEK"), "1 234,50 SEK"},
		{en.Amount(123450, "SEK"), "1,234.50 SEK"},
		{sv.Amount(-5, "EUR"), "−0,05 EUR"},
		{en.Amount(1234567, "JPY"), "1,234,567 JPY"},
		{sv.Amount(1234567, "KWD"), "1 234,567 KWD"},
		{en.Amount(-9223372036854775808, ""), "−92,233,720,368,547,758.08"},
		{sv.Number(999), "999"},
		{sv.Number(1000000), "1 000 000"},
		{sv.Bytes(999), "999 B"},
		{sv.Bytes(1500), "1,5 kB"},
		{en.Bytes(999950), "1.0 MB"},
		{en.Bytes(123456789), "123 MB"},
		{sv.Bytes(5 << 40), "5,5 TB"},
		{sv.Date("2026-03-04"), "4 mars 2026"},
		{en.Date("2026-05-04"), "4 May 2026"},
		{sv.Date("soon"), "soon"},
		{sv.Moment(time.Date(2026, 12, 1, 8, 5, 0, 0, time.FixedZone("", 3600))), "1 dec 2026 07:05 UTC"},
	} {
		if got := strings.ReplaceAll(c.got, nbsp, " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	u := Must(New(none))
	for d, want := range map[portal.Duration]string{portal.Duration(400 * 24 * time.Hour): "400 dagar", portal.Duration(time.Hour): "1 timme", 0: "0 sekunder"} {
		if got := u.locales[Swedish].Duration(d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWordsThatGoWithNumbers(t *testing.T) {
	u := Must(New(none, Texts{"found": {"{n} {n:fil|filer} hos {who}", "{n} {n:file|files} of {who}"}}))
	for n, want := range map[int]string{0: "0 filer hos acme", 1: "1 fil hos acme", 2: "2 filer hos acme"} {
		if got := u.locales[Swedish].T("found", "n", n, "who", "acme"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWhichLanguage(t *testing.T) {
	for _, c := range []struct {
		person         Language
		cookie, header string
		want           Language
	}{
		{"", "", "", English},
		{"", "", "sv-SE,sv;q=0.9,en;q=0.8", Swedish},
		{"", "", "fr, sv;q=0.5", Swedish},
		{"", "", "fr", English},
		{"", "", "nonsense;;;q", English},
		{"", "sv", "en", Swedish},
		{"", "xx", "sv", Swedish},
		{English, "sv", "sv", English},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", c.header)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: LanguageCookie, Value: c.cookie})
		}
		r = r.WithContext(WithPerson(r.Context(), Person{Language: c.person}))
		if got := LanguageOf(r); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// A link cannot make a page say what we do not say.
func TestAFlashIsOneOfOurs(t *testing.T) {
	u := Must(New(page("x"), Texts{"flash.saved": {"Sparat.", "Saved."}}))
	if text := render(t, u, request(Swedish, "/?done=saved"), "page", Page{}); !strings.Contains(text, "Sparat.") {
		t.Error("nothing is said")
	}
	for _, code := range []string{"", "other", "<b>pay+now</b>", "../nav.files"} {
		if text := render(t, u, request(Swedish, "/?done="+code), "page", Page{}); strings.Contains(text, `role="status"`) {
			t.Errorf("%q is said", code)
		}
	}
}

func TestWhoSeesWhatInTheNavigation(t *testing.T) {
	names := func(p Person, account string) (list []string) {
		for _, g := range navigation(p, account, "files") {
			for _, i := range g.Items {
				if list = append(list, i.Name); i.Current != (i.Name == "files") || !strings.HasPrefix(i.Href, "/a/a%2Fb/") {
					t.Errorf("item %+v", i)
				}
			}
		}
		return list
	}
	if got := strings.Join(names(Person{Role: "uploader"}, "a/b"), " "); strings.Contains(got, "payments") || !strings.Contains(got, "upload") {
		t.Errorf("an uploader sees %s", got)
	}
	if got := strings.Join(names(Person{Role: "reader"}, "a/b"), " "); !strings.Contains(got, "payments") || strings.Contains(got, "upload") {
		t.Errorf("a reader sees %s", got)
	}
}

func TestHeadersOfAPage(t *testing.T) {
	u := Must(New(page("x")))
	w := httptest.NewRecorder()
	u.Render(w, request(Swedish, "/"), http.StatusNotFound, "page", Page{})
	csp := w.Header().Get("Content-Security-Policy")
	for _, wanted := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "require-trusted-types-for 'script'"} {
		if !strings.Contains(csp, wanted) {
			t.Errorf("the policy lacks %s: %s", wanted, csp)
		}
	}
	if strings.Contains(csp, "unsafe") || strings.Contains(csp, "data:") || w.Header().Get("Cache-Control") != "no-store" || w.Code != http.StatusNotFound {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

func TestAssetsAreKeptForEver(t *testing.T) {
	own, served := assets()
	for name := range own {
		w := httptest.NewRecorder()
		Assets().ServeHTTP(w, httptest.NewRequest("GET", Asset(name), nil))
		if w.Code != http.StatusOK || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
	}
	style := own["app.css"].text
	for _, m := range regexp.MustCompile(`url\("?([^")]+)`).FindAllSubmatch(style, -1) {
		if served[string(m[1])] == nil {
			t.Errorf("the style names %s, which is not there", m[1])
		}
	}
	for _, path := range []string{"", "app.css", "../ui.go", "app.0000000000000000.css"} {
		w := httptest.NewRecorder()
		Assets().ServeHTTP(w, httptest.NewRequest("GET", AssetsPath+path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%q: %d", path, w.Code)
		}
	}
	w := httptest.NewRecorder()
	Assets().ServeHTTP(w, httptest.NewRequest("POST", Asset("app.css"), nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
}

func TestARefusalIsAPageInWords(t *testing.T) {
	u := Must(New(none))
	for kind, want := range map[fault.Kind]int{fault.NotFound: 404, fault.Denied: 403, fault.Invalid: 400, fault.Locked: 423, fault.TooLarge: 413, fault.TryLater: 503, fault.Full: 507, fault.Internal: 500, fault.Damaged: 500, fault.Exists: 409} {
		w := httptest.NewRecorder()
		u.Refuse(w, request(English, "/x?y=1"), fault.New(kind, "op", "secret-sentence"))
		text := w.Body.String()
		if w.Code != want || !strings.Contains(text, "<h1>") || strings.Contains(text, "problem.") {
			t.Errorf("%s: %d %s", kind, w.Code, text)
		}
		if kind == fault.Internal && strings.Contains(text, "secret-sentence") {
			t.Error("what went wrong inside is told outside")
		}
	}
}

// A gateway at rest keeps no pages that nobody has asked for: they were most of what it
// kept, and what it keeps is looked through by the collector several times a second.
func TestPagesAreMadeWhenTheyAreShown(t *testing.T) {
	files := fstest.MapFS{}
	for i := range 100 {
		files[fmt.Sprintf("templates/page%d.html", i)] = &fstest.MapFile{Data: []byte(`<p>{{.}}</p>`)}
	}
	kept := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := kept()
	u := Must(New(files))
	if grown := int64(kept()) - int64(before); grown > 4<<20 {
		t.Errorf("100 pages that nobody has seen keep %d KiB", grown>>10)
	}
	if text := render(t, u, request("sv", "/"), "page99", Page{}); !strings.Contains(text, "<p>") {
		t.Error(text)
	}
}
