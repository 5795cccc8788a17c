package wrapped

import (
	"bytes"
	"testing"

	"sealgate/internal/fault"
)

// An entry opens where it was made, as it was made, under the ring that made it.
func TestAnEntryOpensOnlyAsItWasMade(t *testing.T) {
	r := ringOf(t, 1)
	e := Entry{Kind: "kind", ID: "id", Public: []byte("public"), Destroyed: "then"}
	r.Seal("file", &e, []byte("secret"))
	if got, err := r.Open("file", e); err != nil || !bytes.Equal(got, []byte("secret")) {
		t.Fatalf("%q, %v", got, err)
	}
	for name, change := range map[string]func(e *Entry){
		"kind":       func(e *Entry) { e.Kind = "other" },
		"id":         func(e *Entry) { e.ID = "" },
		"public":     func(e *Entry) { e.Public = nil },
		"time":       func(e *Entry) { e.Destroyed = "later" },
		"no time":    func(e *Entry) { e.Destroyed = "" },
		"ciphertext": func(e *Entry) { e.Sealed[20] ^= 1 },
		"cut":        func(e *Entry) { e.Sealed = e.Sealed[:10] },
		"moved":      func(e *Entry) { e.Kind, e.ID = "kindi", "d" }, // the parts are kept apart
	} {
		bad := e
		bad.Sealed = bytes.Clone(e.Sealed)
		change(&bad)
		if _, err := r.Open("file", bad); !fault.Is(err, fault.Damaged) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if _, err := r.Open("another file", e); !fault.Is(err, fault.Damaged) {
		t.Errorf("in another file: %v", err)
	}
	for _, other := range []*Ring{ringOf(t, 1), ringOf(t, 2)} { // the same key with another salt, and another key
		if _, err := other.Open("file", e); !fault.Is(err, fault.Damaged) {
			t.Errorf("in another generation: %v", err)
		}
	}
}

func TestARingKnowsItsMasterKey(t *testing.T) {
	h := ringOf(t, 1).Header
	for key, want := range map[byte]bool{1: true, 2: false} {
		r, err := OpenRing(h, func([]byte) ([]byte, error) { return bytes.Repeat([]byte{key}, KeySize), nil })
		if err != nil || r.Fits() != want {
			t.Errorf("key %d: fits %v, %v", key, !want, err)
		}
	}
	_, err := OpenRing(h, func([]byte) ([]byte, error) { return make([]byte, 16), nil })
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("a short key: %v", err)
	}
}
