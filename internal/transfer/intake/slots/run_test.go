package slots

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"sealgate/internal/seal"
)

// counted is a disk that counts writes, and fails some.
type counted struct {
	*disk
	writes int
	fail   error
}

func (c *counted) WriteAt(p []byte, off int64) (int, error) {
	c.writes++
	if c.fail != nil {
		return 0, c.fail
	}
	return c.disk.WriteAt(p, off)
}

func newCounted(t *testing.T, held *Holding) (*Board, *seal.Body, *counted) {
	t.Helper()
	b, body, d := newBoard(t, held)
	c := &counted{disk: d}
	b.object = func() Object { return c }
	return b, body, c
}

// Whole slots of one piece are one write, but for those of which something was there.
func TestSlotsOfAPieceAreWrittenTogether(t *testing.T) { bothWays(t, aPieceIsWrittenTogether) }

// bothWays runs a test with processors to spare for hashing, and without.
func bothWays(t *testing.T, test func(*testing.T)) {
	defer func(is bool) { spared = is }(spared)
	for _, spared = range []bool{false, true} {
		t.Run(fmt.Sprintf("spared=%v", spared), test)
	}
}

func aPieceIsWrittenTogether(t *testing.T) {
	var held Holding
	b, body, c := newCounted(t, &held)
	want := noise(rand.New(rand.NewPCG(4, 4)), 11*seal.SlotSize)
	if _, err := b.Write([]byte{1, 2, 3}, 7*seal.SlotSize+5); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Write(want, 0); err != nil || n != len(want) {
		t.Fatal(n, err)
	}
	if c.writes != 4 { // 0 to 3, 4 to 6, 7, 8 to 10
		t.Errorf("%d writes", c.writes)
	}
	is(t, b, body, c.disk, want)
}

// The hash is that of what was written at last, also when the disk failed in between.
func TestHashAfterAWriteThatFailed(t *testing.T) { bothWays(t, hashAfterAWriteThatFailed) }

func hashAfterAWriteThatFailed(t *testing.T) {
	var held Holding
	b, body, c := newCounted(t, &held)
	rng := rand.New(rand.NewPCG(5, 5))
	want := noise(rng, 5*seal.SlotSize)
	c.fail = errors.New("the disk")
	if n, err := b.Write(noise(rng, 5*seal.SlotSize), 0); n != 0 || !errors.Is(err, c.fail) {
		t.Fatal(n, err)
	}
	c.fail = nil
	if _, err := b.Write(want, 0); err != nil {
		t.Fatal(err)
	}
	is(t, b, body, c.disk, want)
}

// BenchmarkPieces is what one goroutine writes whose pieces are four slots.
func BenchmarkPieces(b *testing.B) {
	x, y := seal.NewShares()
	body, err := seal.NewBody(seal.DeriveFileKey(x, y, [16]byte{1}), [16]byte{1})
	if err != nil {
		b.Fatal(err)
	}
	piece := make([]byte, 4*seal.SlotSize)
	var held Holding
	board := New(body, 0, &held, func() Object { return nowhere{} }, func() error { return nil })
	b.SetBytes(int64(len(piece)))
	for off := int64(0); b.Loop(); off += int64(len(piece)) {
		if _, err := board.Write(piece, off); err != nil {
			b.Fatal(err)
		}
	}
}

// nowhere takes everything.
type nowhere struct{}

func (nowhere) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (nowhere) ReadAt([]byte, int64) (int, error)      { return 0, io.EOF }
