package seal

import (
	"strings"
	"testing"
	"unicode/utf8"
)

var names = map[string]string{
	"pain.001.xml":                "pain.001.xml",
	"in/2026/lön.xml":             "lön.xml",
	`C:\Users\x\lön.xml`:          "lön.xml",
	"../../etc/passwd":            "passwd",
	"":                            "unnamed",
	".":                           "unnamed",
	"..":                          "unnamed",
	"a/..":                        "unnamed",
	"a/":                          "unnamed",
	" .. ":                        "unnamed",
	"a\x00b\nc":                   "a_b_c",
	"a\u202egnp.exe":              "a_gnp.exe",
	"a:stream":                    "a_stream",
	"\x1b[31mred":                 "_[31mred",
	"-rf":                         "_-rf",
	"CON":                         "_CON",
	"nul.txt":                     "_nul.txt",
	"com1.xml":                    "_com1.xml",
	"LPT9":                        "_LPT9",
	"COM":                         "COM",
	"com10.xml":                   "com10.xml",
	"trailing. . ":                "trailing",
	"a\xff":                       "a_",
	"in/.profile":                 "_.profile",
	strings.Repeat("å", 200):      strings.Repeat("å", 127),
	"x/" + strings.Repeat("/", 9): "unnamed",
}

func TestSafeName(t *testing.T) {
	for name, want := range names {
		if got := SafeName(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func FuzzSafeName(f *testing.F) {
	for name := range names {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := SafeName(name)
		if got == "" || got == "." || got == ".." || len(got) > 255 || !utf8.ValidString(got) || strings.ContainsAny(got, "/\\\x00:\n\r\x1b") {
			t.Errorf("%q becomes %q", name, got)
		}
		if again := SafeName(got); again != got {
			t.Errorf("%q becomes %q, and that %q", name, got, again)
		}
	})
}
