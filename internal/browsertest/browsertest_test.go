package browsertest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// site serves pages by their path.
func site(t *testing.T, pages map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, there := pages[r.URL.Path]
		if !there {
			http.NotFound(w, r)
			return
		}
		if strings.HasSuffix(r.URL.Path, ".js") {
			w.Header().Set("Content-Type", "text/javascript")
		} else {
			w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; require-trusted-types-for 'script'")
			text = `<!doctype html><html lang="en"><title>A page</title><link rel="icon" href="data:,"><main><h1>A page</h1>` + text + `</main>`
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(s.Close)
	return s
}

func start(t *testing.T, s *httptest.Server) *Browser {
	return Start(t, Options{Trust: s.Certificate()})
}

// What a page must not do is noticed.
func TestFaultsAreNoticed(t *testing.T) {
	s := site(t, map[string]string{
		"/fine":       `<p>fine</p>`,
		"/console":    `<script src="/console.js"></script>`,
		"/throws":     `<script src="/throws.js"></script>`,
		"/inline":     `<script>1</script>`,
		"/markup":     `<script src="/markup.js"></script>`,
		"/missing":    `<img alt="" src="/none.png">`,
		"/away":       `<script src="/away.js"></script>`,
		"/navigate":   `<a href="https://other.example/">away</a>`,
		"/console.js": `console.error("so")`, "/throws.js": `null.x`, "/markup.js": `document.body.innerHTML = "<b>b</b>"`,
		"/away.js": `new Image().src = "http://127.0.0.1:1/pixel"`,
	})
	b := start(t, s)
	for path, want := range map[string]string{
		"/fine": "", "/console": `"so"`, "/throws": "TypeError", "/inline": "Content Security Policy", "/markup": "TrustedHTML",
		"/missing": "404", "/away": "leaves the origin",
	} {
		p := b.Open(s.URL, Wide)
		p.Goto(path)
		found := strings.Join(p.watch.unexpected(), "\n")
		if (found == "") != (want == "") || !strings.Contains(found, want) {
			t.Errorf("%s: %q", path, found)
		}
		p.Expect("") // all of it
		p.Close()
	}
}

func TestWhatAPersonDoes(t *testing.T) {
	s := site(t, map[string]string{
		"/": `<form action="/next"><label>Name <input name="name"></label><button>Go</button></form>
			<div id="drop">here</div><input type="file" aria-label="file" multiple><output></output><script src="/act.js"></script>`,
		"/next": `<p id="p">next</p>`,
		"/act.js": `
			const out = document.querySelector("output")
			const drop = document.querySelector("#drop")
			drop.addEventListener("dragover", e => e.preventDefault())
			drop.addEventListener("drop", async e => {
				e.preventDefault()
				const files = [...e.dataTransfer.items].map(i => i.webkitGetAsEntry())
				out.value = files.map(f => f.name + (f.isDirectory ? "/" : "")).join()
			})
			document.querySelector("[type=file]").addEventListener("change", async e => { out.value = await e.target.files[0].text() })
			onbeforeunload = e => { if (out.value) e.preventDefault() }`,
	})
	dir := t.TempDir()
	file := filepath.Join(dir, "a.xml")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	b := start(t, s)
	for _, size := range Sizes {
		p := b.Open(s.URL, size, Dark, Language("sv"))
		p.Goto("/")
		if got := Eval[string](p, `innerWidth + " " + matchMedia("(prefers-color-scheme: dark)").matches + " " + new Intl.NumberFormat().format(1234.5)`); got != fmt.Sprintf("%d true 1\u00a0234,5", size.Width) {
			t.Errorf("%s: %q", size.Name, got)
		}
		p.Drop("#drop", file, folder)
		p.WaitText("output", "a.xml,folder/")
		p.Pick("[type=file]", file)
		p.WaitText("output", "content")
		p.Type("[name=name]", "Anna")
		p.Click("button")
		p.WaitPath("/next")
		if got := p.Path(); got != "/next?name=Anna" {
			t.Errorf("at %s", got)
		}
		if d := p.Dialogs(); len(d) != 1 || d[0] != "beforeunload" {
			t.Errorf("dialogs %q", d)
		}
		p.Accessible()
	}
}

func TestWithoutScripts(t *testing.T) {
	s := site(t, map[string]string{
		"/":     `<form action="/next"><label>Name <input name="name"></label><button>Go</button></form><noscript><p>none run</p></noscript><script src="/s.js"></script>`,
		"/next": `<p>next</p>`,
		"/s.js": `document.title = "ran"`,
	})
	p := start(t, s).Open(s.URL, Phone, NoScript)
	p.Goto("/")
	p.WaitText("p", "none run")
	if title := Eval[string](p, `document.title`); title != "A page" {
		t.Errorf("%q", title)
	}
	p.Type("[name=name]", "Anna")
	p.Click("button")
	p.WaitPath("/next")
	p.Accessible()
}

// A profile outlives its browser, killed or closed; what was stored with strict
// durability is there.
func TestProfileOutlivesTheBrowser(t *testing.T) {
	s := site(t, map[string]string{"/": `<p>fine</p>`})
	profile := t.TempDir()
	b := Start(t, Options{Trust: s.Certificate(), Profile: profile})
	p := b.Open(s.URL, Wide)
	p.Goto("/")
	stored := Eval[bool](p, `new Promise((resolve, reject) => {
		const open = indexedDB.open("test")
		open.onupgradeneeded = () => open.result.createObjectStore("things")
		open.onerror = () => reject(open.error)
		open.onsuccess = () => {
			const t = open.result.transaction("things", "readwrite", {durability: "strict"})
			t.objectStore("things").put("here", 1)
			t.oncomplete = () => resolve(true)
		}
	})`)
	b.Kill()
	b = Start(t, Options{Trust: s.Certificate(), Profile: profile})
	p = b.Open(s.URL, Wide)
	p.Goto("/")
	found := Eval[string](p, `new Promise((resolve, reject) => {
		const open = indexedDB.open("test")
		open.onerror = () => reject(open.error)
		open.onsuccess = () => {
			const get = open.result.transaction("things").objectStore("things").get(1)
			get.onsuccess = () => resolve(String(get.result))
			get.onerror = () => reject(get.error)
		}
	})`)
	if !stored || found != "here" {
		t.Errorf("stored %v, found %q", stored, found)
	}
}
