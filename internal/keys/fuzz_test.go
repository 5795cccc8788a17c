package keys

import (
	"bytes"
	"testing"

	"github.com/google/uuid"
)

// Parsers take what somebody may have put on the disk: they answer or refuse.

func FuzzKeyFile(f *testing.F) {
	name := accountFile(uuid.UUID{1})
	doc := newDocument(name)
	doc.Entries = []entry{{Kind: KindAccessKey, ID: "x", Public: []byte{1}, Sealed: make([]byte, 60)}}
	f.Add(doc.marshal())
	f.Add([]byte(`{"sealgate":"keys","version":1,"name":"` + name + `","entries":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parseDocument(name, data)
		if err != nil {
			return
		}
		if d.Name != name {
			t.Fatalf("accepted under another name: %q", d.Name)
		}
		again, err := parseDocument(name, d.marshal())
		if err != nil || !bytes.Equal(again.marshal(), d.marshal()) {
			t.Fatalf("does not survive being written: %v", err)
		}
		s := newStore(nil, "")
		s.ring = &ring{prk: make([]byte, 32)}
		if a, err := s.openAccount(d); err == nil && len(d.Entries) > 0 {
			t.Fatalf("opened what nobody sealed: %v", a)
		}
	})
}

func FuzzBundle(f *testing.F) {
	b := newBundle(header{Sealgate: "key store", Version: 1, Generation: 1, Salt: make([]byte, saltSize), Check: []byte{1}})
	b.Files = []*document{newDocument(gatewayFile)}
	f.Add(b.marshal())
	f.Add([]byte(`{"sealgate":"key bundle","version":1,"files":[null]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := parseBundle("x", data)
		if err != nil {
			return
		}
		for _, d := range b.Files {
			if !isKeyFile(d.Name) {
				t.Fatalf("a file named %q", d.Name)
			}
		}
	})
}

func FuzzMasterKey(f *testing.F) {
	_, text := newMaster()
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		if key, ok := parseMaster(text); ok && len(key) != masterSize {
			t.Fatalf("%d bytes", len(key))
		}
	})
}

func FuzzFileName(f *testing.F) {
	f.Add("ingest-2026-11-21-0011223344556677.key")
	f.Add(accountFile(uuid.UUID{1}))
	f.Fuzz(func(t *testing.T, name string) {
		if isStoreName(name) && bytes.ContainsAny([]byte(name), "/\\\x00") {
			t.Fatalf("%q", name)
		}
	})
}
