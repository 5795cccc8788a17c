package sealed

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"sealgate/internal/seal"
)

// BenchmarkCheck is what it costs to open what an agent has sealed before it is
// stored.
func BenchmarkCheck(b *testing.B) {
	content := make([]byte, 64<<20)
	rand.Read(content)
	h := seal.Header{Binding: seal.Binding{File: [16]byte{1}}}
	x, y := seal.NewShares()
	key := seal.DeriveFileKey(x, y, h.File)
	var object bytes.Buffer
	if _, err := seal.Seal(&object, bytes.NewReader(content), h, key, "pay.xml", time.Now()); err != nil {
		b.Fatal(err)
	}
	body, err := seal.NewBody(key, h.File)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256(content)
	header := len(h.Marshal(key))
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		c := newCheck(body, header, int64(len(content)))
		seen, err := c.open(0, object.Bytes()[header:])
		if c.stored(seen); err != nil || !c.is(sum[:]) {
			b.Fatal(err)
		}
	}
}
