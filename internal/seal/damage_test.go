package seal

import (
	"bytes"
	"crypto/elliptic"
	"math/rand/v2"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

// TestEveryBit flips every bit of a small sealed file and tries every prefix and
// some longer objects: nothing but the file itself opens.
func TestEveryBit(t *testing.T) {
	l, access := newLock(t, ecKey(t, elliptic.P256())), hybridKey(t)
	c := newCraft(t, binding, text(100), []lock{l}, access)
	obj := c.bytes()
	if got, _, err := readAll(obj, c.byKey); err != nil || !bytes.Equal(got, c.plain) {
		t.Fatalf("the file itself does not open: %v", err)
	}
	byLock := func(h Header) (*FileKey, error) { return h.FileKey(l.key, access) }
	for i := range obj {
		for bit := range 8 {
			bad := bytes.Clone(obj)
			bad[i] ^= 1 << bit
			if _, _, err := readAll(bad, c.byKey); !fault.Is(err, fault.Damaged) {
				t.Fatalf("byte %d bit %d flipped: %v", i, bit, err)
			}
			if bit == i%8 {
				_, _, err := readAll(bad, byLock)
				if !fault.Is(err, fault.Damaged) && !fault.Is(err, fault.Locked) {
					t.Fatalf("byte %d bit %d flipped, opened by its lock: %v", i, bit, err)
				}
			}
		}
	}
	for n := range obj {
		if _, _, err := readAll(obj[:n], c.byKey); !fault.Is(err, fault.Damaged) {
			t.Fatalf("the first %d of %d bytes: %v", n, len(obj), err)
		}
	}
	for _, more := range []int{1, 27, 28, 29, 100, TrailerSize, SealedSlot} {
		if _, _, err := readAll(append(bytes.Clone(obj), make([]byte, more)...), c.byKey); !fault.Is(err, fault.Damaged) {
			t.Fatalf("%d bytes more: %v", more, err)
		}
	}
}

// TestPrefixes cuts files of several slots at all the edges and around them.
func TestPrefixes(t *testing.T) {
	for _, n := range []int{0, 1, SlotSize, SlotSize + 1, 3*SlotSize + 7} {
		c := newCraft(t, binding, text(n), nil)
		obj := c.bytes()
		for cut := range len(obj) {
			edge := (cut - len(c.header)) % SealedSlot
			if cut > 2000 && cut < len(obj)-2000 && edge > 40 && edge < SealedSlot-40 && cut%997 != 0 {
				continue
			}
			if _, _, err := readAll(obj[:cut], c.byKey); !fault.Is(err, fault.Damaged) {
				t.Fatalf("%d bytes of content, cut at %d of %d: %v", n, cut, len(obj), err)
			}
		}
	}
}

// TestDamagedSlotsReleaseNothing damages slots of a file that opens (header and
// trailer are good) and reads at random: every byte that comes is a right one.
func TestDamagedSlotsReleaseNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	c := newCraft(t, binding, text(5*SlotSize+100), nil)
	whole := c.bytes()
	swap := func(obj []byte, i, j int) {
		a, b := obj[SlotOffset(len(c.header), int64(i)):][:SealedSlot], obj[SlotOffset(len(c.header), int64(j)):][:SealedSlot]
		for n := range a {
			a[n], b[n] = b[n], a[n]
		}
	}
	for round := range 60 {
		obj, hurt := bytes.Clone(whole), map[int]bool{}
		if round%3 == 0 {
			i := rng.IntN(4)
			swap(obj, i, i+1)
			hurt[i], hurt[i+1] = true, true
		} else {
			k := rng.IntN(6)
			n := len(c.slots[k])
			obj[SlotOffset(len(c.header), int64(k))+int64(rng.IntN(n))] ^= 1 << rng.IntN(8)
			hurt[k] = true
		}
		r, err := OpenReaderAt(bytes.NewReader(obj), int64(len(obj)), c.byKey)
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			off := rng.IntN(len(c.plain))
			p := bytes.Repeat([]byte{0xAA}, 1+rng.IntN(200_000))
			n, err := r.ReadAt(p, int64(off))
			if !bytes.Equal(p[:n], c.plain[off:off+n]) {
				t.Fatalf("round %d: wrong bytes at %d", round, off)
			}
			if next := (off + n) / SlotSize; n < len(p) && off+n < len(c.plain) && (!hurt[next] || !fault.Is(err, fault.Damaged)) {
				t.Fatalf("round %d: stopped at slot %d with %v", round, next, err)
			}
		}
		var out bytes.Buffer
		_, err = r.WriteTo(&out)
		wantKind(t, err, fault.Damaged)
		if !bytes.HasPrefix(c.plain, out.Bytes()) {
			t.Fatalf("round %d: WriteTo wrote wrong bytes", round)
		}
		wantKind(t, r.Verify(noCtx), fault.Damaged)
	}
}

// TestOlderSeal: a slot that was sealed again keeps its older seal valid. Only
// the SHA-256 of the whole content tells them apart, as the document says.
func TestOlderSeal(t *testing.T) {
	c := newCraft(t, binding, text(3*SlotSize), nil)
	c.slots[1] = c.body.SealSlot(nil, 1, make([]byte, SlotSize))
	obj := c.bytes()
	r, err := OpenReaderAt(bytes.NewReader(obj), int64(len(obj)), c.byKey)
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, r.Verify(noCtx), fault.Damaged)
}

func TestPartsAreNoSlots(t *testing.T) {
	body := must(NewBody(DeriveFileKey(Share{1}, Share{2}, fileID), fileID))
	part, slot := body.SealPart(nil, 3, []byte("half")), body.SealSlot(nil, 3, []byte("half"))
	if got, err := body.OpenPart(nil, 3, part); err != nil || string(got) != "half" {
		t.Errorf("part opens to %q, %v", got, err)
	}
	_, err := body.OpenSlot(nil, 3, part)
	wantKind(t, err, fault.Damaged)
	_, err = body.OpenPart(nil, 3, slot)
	wantKind(t, err, fault.Damaged)
	_, err = body.OpenPart(nil, 4, part)
	wantKind(t, err, fault.Damaged)
	big := body.SealPart(nil, 0, make([]byte, MaxPart))
	if got, err := body.OpenPart(nil, 0, big); err != nil || len(got) != MaxPart {
		t.Errorf("the largest part opens to %d bytes, %v", len(got), err)
	}
}

// TestSealingTwiceNeverRepeats: the same slot, sealed again with the same bytes,
// is another ciphertext under another nonce.
func TestSealingTwiceNeverRepeats(t *testing.T) {
	body := must(NewBody(DeriveFileKey(Share{1}, Share{2}, fileID), fileID))
	seen := map[[12]byte]bool{}
	for range 1000 {
		nonce := [12]byte(body.SealSlot(nil, 0, []byte("same")))
		if seen[nonce] {
			t.Fatal("a nonce came twice")
		}
		seen[nonce] = true
	}
}

func TestImpossibleSlots(t *testing.T) {
	body := must(NewBody(DeriveFileKey(Share{1}, Share{2}, fileID), fileID))
	for what, do := range map[string]func(){
		"empty slot":     func() { body.SealSlot(nil, 0, nil) },
		"long slot":      func() { body.SealSlot(nil, 0, make([]byte, SlotSize+1)) },
		"negative slot":  func() { body.SealSlot(nil, -1, []byte("x")) },
		"too many slots": func() { body.SealSlot(nil, MaxSlots, []byte("x")) },
		"long part":      func() { body.SealPart(nil, 0, make([]byte, MaxPart+1)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s was sealed", what)
				}
			}()
			do()
		}()
	}
	for _, n := range []int{0, 1, Overhead, SealedSlot + 1} {
		_, err := body.OpenSlot(nil, 0, make([]byte, n))
		wantKind(t, err, fault.Damaged)
	}
	_, err := body.OpenSlot(nil, -1, make([]byte, 100))
	wantKind(t, err, fault.Damaged)
	_, err = body.OpenTrailer(make([]byte, TrailerSize), MaxSlots+1)
	wantKind(t, err, fault.Damaged)
	_, err = layout(100, 1<<62)
	wantKind(t, err, fault.TooLarge)
}

func TestTrailerNames(t *testing.T) {
	body := must(NewBody(DeriveFileKey(Share{1}, Share{2}, fileID), fileID))
	long := strings.Repeat("å", 200) // 400 bytes
	for name, want := range map[string]string{
		"":                                  "",
		"lön/2026/pain.001.xml":             "lön/2026/pain.001.xml",
		strings.Repeat("d/", 200) + "a.xml": strings.Repeat("d/", 125) + "a.xml",
		"dir/" + strings.Repeat("x", 250):   "dir/" + strings.Repeat("x", 250),
		"dir/" + strings.Repeat("x", 252):   strings.Repeat("x", 252),
		long:                                strings.Repeat("å", 127),
		"a\xffb":                            "a\uFFFDb",
		"d/" + strings.Repeat("x", 300):     strings.Repeat("x", 255),
		strings.Repeat("y", 255):            strings.Repeat("y", 255),
	} {
		sealed := body.SealTrailer(nil, Trailer{Size: 1, Name: name, ReceivedAt: received})
		if len(sealed) != TrailerSize {
			t.Errorf("%q: %d bytes", name, len(sealed))
		}
		tr, err := body.OpenTrailer(sealed, 1)
		if err != nil || tr.Name != want || !tr.ReceivedAt.Equal(received) {
			t.Errorf("%q: name %q received %v, %v", name, tr.Name, tr.ReceivedAt, err)
		}
	}
}
