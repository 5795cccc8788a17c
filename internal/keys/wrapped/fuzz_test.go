package wrapped

import (
	"bytes"
	"strings"
	"testing"
)

// Parsers take what somebody may have put on the disk: they answer or refuse.

func ringOf(t testing.TB, b byte) *Ring {
	t.Helper()
	r, err := NewRing(1, func([]byte) ([]byte, error) { return bytes.Repeat([]byte{b}, KeySize), nil })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func FuzzDocument(f *testing.F) {
	const name = "account.key"
	r := ringOf(f, 1)
	doc := New(name)
	for _, e := range []Entry{{Kind: "access-key", ID: "x", Public: []byte{1}}, {Kind: "certificate", ID: "y", Destroyed: "2026-11-21T12:00:00Z"}} {
		ringOf(f, 2).Seal(name, &e, []byte("a secret"))
		doc.Entries = append(doc.Entries, e)
	}
	f.Add(doc.Marshal())
	f.Add([]byte(`{"sealgate":"keys","version":1,"name":"` + name + `","entries":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse(name, data)
		if err != nil {
			return
		}
		if d.Name != name {
			t.Fatalf("accepted under another name: %q", d.Name)
		}
		again, err := Parse(name, d.Marshal())
		if err != nil || !bytes.Equal(again.Marshal(), d.Marshal()) {
			t.Fatalf("does not survive being written: %v", err)
		}
		for _, e := range d.Entries {
			if secret, err := r.Open(name, e); err == nil {
				t.Fatalf("opened what nobody sealed: %x", secret)
			}
		}
	})
}

func FuzzBundle(f *testing.F) {
	b := NewBundle(ringOf(f, 1).Header)
	b.Files = []*Document{New("a.key")}
	f.Add(b.Marshal())
	f.Add([]byte(`{"sealgate":"key bundle","version":1,"files":[null]}`))
	ours := func(name string) bool { return strings.HasSuffix(name, ".key") }
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := ParseBundle("x", data, ours)
		if err != nil {
			return
		}
		for _, d := range b.Files {
			if !ours(d.Name) {
				t.Fatalf("a file named %q", d.Name)
			}
		}
	})
}
