package xmlscan

import (
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzScan: no input makes the scanner panic or hang, and what it says depends
// neither on how the input arrives nor on where its buffer ends.
func FuzzScan(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add([]byte("\xFF\xFE<\x00a\x00/\x00>\x00"))
	f.Add([]byte("\xFE\xFF\x00<\x00a\x00>\xD8\x3D\xDE\x00\x00<\x00/\x00a\x00>"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		want := events(New(strings.NewReader(string(doc))))
		if strings.Contains(want, "\x00") {
			t.Errorf("%q: %s", doc, want)
		}
		if got := events(New(iotest.OneByteReader(strings.NewReader(string(doc))))); got != want {
			t.Errorf("%q: byte by byte %q, at once %q", doc, got, want)
		}
		// A token that no small buffer can hold is over the limit there, and
		// white space that fills it is text.
		got := events(newSize(strings.NewReader(string(doc)), 128))
		if !strings.Contains(got, "!xml-limit") && solid(got) != solid(want) {
			t.Errorf("%q: with a small buffer %q, with a large %q", doc, got, want)
		}
	})
}

func solid(s string) string { return strings.Join(strings.Fields(s), "") }
