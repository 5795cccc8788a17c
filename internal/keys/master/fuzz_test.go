package master

import (
	"testing"

	"sealgate/internal/keys/wrapped"
)

func FuzzMasterKey(f *testing.F) {
	_, text := newKey()
	f.Add(text)
	f.Fuzz(func(t *testing.T, text []byte) {
		if key, ok := parse(text); ok && len(key) != wrapped.KeySize {
			t.Fatalf("%d bytes", len(key))
		}
	})
}
