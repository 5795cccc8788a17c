package vpath

import (
	"strings"
	"testing"
	"unicode/utf8"

	"sealgate/internal/fault"
)

func TestParse(t *testing.T) {
	for raw, want := range map[string]string{
		"":                     "/",
		"/":                    "/",
		".":                    "/",
		"in/a.xml":             "/in/a.xml",
		"/in//a.xml":           "/in/a.xml",
		"/in/./x/../a.xml":     "/in/a.xml",
		"../../../etc/passwd":  "/etc/passwd",
		"/in/lön november.txt": "/in/lön november.txt",
		"/in/lo\u0308n.txt":    "/in/lön.txt",
		"/in/ a":               "/in/ a",
		"/in/..;/a":            "/in/..;/a",
		"/in/%2e%2e/a":         "/in/%2e%2e/a",
	} {
		p, err := Parse(raw)
		if err != nil {
			t.Errorf("%q: %v", raw, err)
		} else if p.String() != want {
			t.Errorf("%q: got %q, want %q", raw, p, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for name, raw := range map[string]string{
		"NUL":           "/in/a\x00b",
		"newline":       "/in/a\nb",
		"escape":        "/in/\x1b[2J",
		"delete":        "/in/a\x7f",
		"C1":            "/in/a\u0085b",
		"backslash":     `/in/..\..\boot.ini`,
		"right-to-left": "/in/fdp\u202etxt.exe",
		"isolate":       "/in/\u2066a",
		"zero width":    "/in/a\u200bb",
		"BOM":           "/in/\ufeffa",
		"separator":     "/in/a\u2028b",
		"not UTF-8":     "/in/\xff\xfe",
		"blank name":    "/in/  /a",
		"long element":  "/in/" + strings.Repeat("a", 256),
		"long path":     "/" + strings.Repeat("ab/", 4000),
		"64 KiB":        strings.Repeat("x", 64<<10),
		"deep":          strings.Repeat("a/", 17),
	} {
		if p, err := Parse(raw); err == nil {
			t.Errorf("%s: accepted as %q", name, p)
		} else if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: kind %v", name, fault.KindOf(err))
		}
	}
}

func TestPathParts(t *testing.T) {
	p := MustParse("/in/2026/nov/a.xml")
	if p.Base() != "a.xml" || p.Dir().String() != "/in/2026/nov" {
		t.Errorf("base %q dir %q", p.Base(), p.Dir())
	}
	top, rest := p.Top()
	if top != "in" || rest.String() != "/2026/nov/a.xml" {
		t.Errorf("top %q rest %q", top, rest)
	}
	if !p.Inside(MustParse("/in/2026")) || p.Inside(MustParse("/in/202")) || MustParse("/in").Inside(p) {
		t.Error("Inside is wrong")
	}
	if root := MustParse("/"); !root.IsRoot() || root.Base() != "" || !root.Dir().IsRoot() {
		t.Error("the root is not the root")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"/in/a", "..", "a/../../b", "\x00", "lo\u0308n", "/in/\u202e", strings.Repeat("/a", 20)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := Parse(raw)
		if err != nil {
			return
		}
		again, err := Parse(p.String())
		if err != nil || !again.Equal(p) {
			t.Fatalf("%q: parsed to %q, which parses to %q, %v", raw, p, again, err)
		}
		for _, e := range p.Elements() {
			if e == "" || e == "." || e == ".." || strings.ContainsAny(e, "/\\\x00") || !utf8.ValidString(e) {
				t.Fatalf("%q: element %q", raw, e)
			}
		}
	})
}

func TestTemporaryNames(t *testing.T) {
	for name, want := range map[string]bool{
		"/a.xml": false, "/a.xml.filepart": true, "/a.PART": true, "/d.tmp/a.xml": false, "/.in.a.xml": true,
		"/~$a.xml": true, "/a~": true, "/a.tmpx": false,
	} {
		if got := MustParse(name).Temporary(nil); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	own := []string{"*.UPLOADING", "["} // a pattern that does not parse matches nothing
	if p := MustParse("/a.uploading"); !p.Temporary(own) || p.Temporary(nil) {
		t.Error("an account's own patterns do not count alone")
	}
	if MustParse("/a.tmp").Temporary(own) || (Path{}).Temporary(nil) {
		t.Error("something else is temporary")
	}
}
