package slots

import (
	"bytes"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"sealgate/internal/seal"
)

// disk is an object in memory, for many writers.
type disk struct {
	mu    sync.Mutex
	bytes []byte
}

func (d *disk) WriteAt(p []byte, off int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if end := int(off) + len(p); end > len(d.bytes) {
		d.bytes = append(d.bytes, make([]byte, end-len(d.bytes))...)
	}
	return copy(d.bytes[off:], p), nil
}

func (d *disk) ReadAt(p []byte, off int64) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if off >= int64(len(d.bytes)) {
		return 0, io.EOF
	}
	if n := copy(p, d.bytes[off:]); n < len(p) {
		return n, io.EOF
	}
	return len(p), nil
}

func newBoard(t *testing.T, held *Holding) (*Board, *seal.Body, *disk) {
	t.Helper()
	a, b := seal.NewShares()
	body, err := seal.NewBody(seal.DeriveFileKey(a, b, [16]byte{1}), [16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	d := new(disk)
	return New(body, 0, held, func() Object { return d }, func() error { return nil }), body, d
}

// is fails unless the board holds exactly want: complete, with its hash, sealed
// so that it opens.
func is(t *testing.T, b *Board, body *seal.Body, d *disk, want []byte) {
	t.Helper()
	if !b.Complete() || b.Size() != int64(len(want)) {
		t.Fatalf("complete %v, %d bytes of %d", b.Complete(), b.Size(), len(want))
	}
	if err := b.Tail(); err != nil {
		t.Fatal(err)
	}
	if sum, err := b.Sum(); err != nil || sum != sha256.Sum256(want) {
		t.Fatalf("another hash, %v", err)
	}
	for k := int64(0); len(want) > 0; k++ {
		n := min(len(want), seal.SlotSize)
		sealed := make([]byte, n+seal.Overhead)
		if _, err := d.ReadAt(sealed, seal.SlotOffset(0, k)); err != nil {
			t.Fatal(err)
		}
		if plain, err := body.OpenSlot(nil, k, sealed); err != nil || !bytes.Equal(plain, want[:n]) {
			t.Fatalf("slot %d: other bytes, %v", k, err)
		}
		want = want[n:]
	}
	b.Release()
}

func noise(rng *rand.Rand, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(rng.Uint32())
	}
	return p
}

// Pieces of all lengths and places, whole slots among them, first with other
// bytes and then with the right ones: what was written last is there.
func TestWhatWasWrittenLastIsThere(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 7))
		var held Holding
		held.AtMost(rng.Int64N(100))
		b, body, d := newBoard(t, &held)
		want := noise(rng, 8*seal.SlotSize+rng.IntN(2*seal.SlotSize))
		for range 10 { // other bytes, here and there
			n := rng.IntN(2*seal.SlotSize) + 1
			if _, err := b.Write(noise(rng, n), rng.Int64N(int64(len(want)-n))); err != nil {
				t.Fatal(err)
			}
		}
		var pieces [][2]int
		for at := 0; at < len(want); {
			n := []int{seal.SlotSize, 3*seal.SlotSize - 1000, 6*seal.SlotSize + 10, rng.IntN(40_000) + 1}[rng.IntN(4)]
			n = min(n, len(want)-at)
			pieces = append(pieces, [2]int{at, at + n})
			at += n
		}
		rng.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		for _, p := range pieces {
			if _, err := b.Write(want[p[0]:p[1]], int64(p[0])); err != nil {
				t.Fatal(err)
			}
		}
		is(t, b, body, d, want)
		if n := held.Buffers(); n != 0 {
			t.Errorf("%d buffers are held still", n)
		}
	}
}

// The caller's bytes are his again when Write returns, although a slot may have
// been hashed and sealed from them.
func TestWriteKeepsNothingOfTheCallers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var held Holding
	b, body, d := newBoard(t, &held)
	want := noise(rng, 6*seal.SlotSize)
	p := make([]byte, seal.SlotSize)
	for _, k := range []int{3, 1, 0, 2, 5, 4} {
		copy(p, want[k*seal.SlotSize:])
		if _, err := b.Write(p, int64(k)*seal.SlotSize); err != nil {
			t.Fatal(err)
		}
		clear(p)
	}
	is(t, b, body, d, want)
}

// As OpenSSH's sftp: packets that are no multiple of a slot, eight at once.
func TestManyWritersAtOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	var held Holding
	b, body, d := newBoard(t, &held)
	want := noise(rng, 40*seal.SlotSize+123)
	const packet = 261_120
	next := make(chan int)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for at := range next {
				if _, err := b.Write(want[at:min(at+packet, len(want))], int64(at)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for at := 0; at < len(want); at += packet {
		next <- at
	}
	close(next)
	wg.Wait()
	is(t, b, body, d, want)
}

func TestRediscoverAndMeasureCountWholeSlots(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	var held Holding
	first, body, d := newBoard(t, &held)
	want := noise(rng, 4*seal.SlotSize+500)
	if _, err := first.Write(want[:3*seal.SlotSize+77], 0); err != nil {
		t.Fatal(err)
	}
	if got := first.Durable(); got != 3*seal.SlotSize {
		t.Errorf("%d bytes are durable", got)
	}
	first.Release()
	again := New(body, 0, &held, func() Object { return d }, func() error { return nil })
	again.Rediscover()
	// It may be that the third slot was the last of the file: it is to be sent again.
	if a, b := again.Durable(), Measure(d, 0, body); a != 2*seal.SlotSize || b != a {
		t.Errorf("%d found, %d measured", a, b)
	}
	if _, err := again.Write(want[2*seal.SlotSize:], 2*seal.SlotSize); err != nil {
		t.Fatal(err)
	}
	is(t, again, body, d, want)
}
