package paper

import (
	"bytes"
	"crypto/hpke"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

// keyOf returns the access key whose seed is one byte, 32 times.
func keyOf(t testing.TB, b byte) hpke.PrivateKey {
	t.Helper()
	k, err := hpke.MLKEM768X25519().NewPrivateKey(bytes.Repeat([]byte{b}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func sameKey(t testing.TB, got, want hpke.PrivateKey) {
	t.Helper()
	if got == nil || !bytes.Equal(got.PublicKey().Bytes(), want.PublicKey().Bytes()) {
		t.Error("another key came back")
	}
}

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantSentence(t testing.TB, err error, kind fault.Kind, part string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(fault.Message(err), part) {
		t.Errorf("%v: want kind %v and a sentence with %q", err, kind, part)
	}
}
