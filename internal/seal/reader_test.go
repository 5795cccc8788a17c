package seal

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"sealgate/internal/fault"
)

// counted counts how often each place was read.
type counted struct {
	io.ReaderAt
	mu    sync.Mutex
	reads map[int64]int
	fail  error
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	c.mu.Lock()
	c.reads[off]++
	fail := c.fail
	c.mu.Unlock()
	if fail != nil {
		return 0, fail
	}
	return c.ReaderAt.ReadAt(p, off)
}

func openCounted(t testing.TB, c *craft) (*Reader, *counted) {
	t.Helper()
	obj := c.bytes()
	src := &counted{ReaderAt: bytes.NewReader(obj), reads: map[int64]int{}}
	r, err := OpenReaderAt(src, int64(len(obj)), c.byKey)
	if err != nil {
		t.Fatal(err)
	}
	clear(src.reads)
	return r, src
}

func (c *counted) wantOnce(t *testing.T, slots int) {
	t.Helper()
	for off, n := range c.reads {
		if n != 1 {
			t.Errorf("offset %d was read %d times", off, n)
		}
	}
	if len(c.reads) != slots {
		t.Errorf("%d slots were read, want %d", len(c.reads), slots)
	}
}

// TestSequentialReadsOpenEachSlotOnce reads as SFTP clients do.
func TestSequentialReadsOpenEachSlotOnce(t *testing.T) {
	c := newCraft(t, binding, text(20*SlotSize+999), nil)
	for _, size := range []int{261120, 32 << 10, 64 << 10, 1000, 1 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			r, src := openCounted(t, c)
			got, err := io.ReadAll(readerOf(r, size))
			if err != nil || !bytes.Equal(got, c.plain) {
				t.Fatalf("%d bytes, %v", len(got), err)
			}
			src.wantOnce(t, 21)
		})
	}
}

// readerOf reads r from the start in reads of exactly this size.
func readerOf(r *Reader, size int) io.Reader {
	pr, pw := io.Pipe()
	go func() {
		p := make([]byte, size)
		for off := int64(0); ; {
			n, err := r.ReadAt(p, off)
			pw.Write(p[:n])
			if off += int64(n); err != nil {
				pw.CloseWithError(err)
				return
			}
		}
	}()
	return pr
}

// TestConcurrentReadsOpenEachSlotOnce: eight reads at a time, as pkg/sftp serves
// them, always within a few slots of each other.
func TestConcurrentReadsOpenEachSlotOnce(t *testing.T) {
	const size, workers = 32 << 10, 8
	c := newCraft(t, binding, text(16*SlotSize), nil)
	r, src := openCounted(t, c)
	got := make([]byte, len(c.plain))
	for first := 0; first < len(got); first += size * workers {
		var wg sync.WaitGroup
		for w := range workers {
			at := first + w*size
			wg.Go(func() {
				if n, err := r.ReadAt(got[at:min(len(got), at+size)], int64(at)); err != nil {
					t.Errorf("%d bytes at %d, %v", n, at, err)
				}
			})
		}
		wg.Wait()
	}
	if !bytes.Equal(got, c.plain) {
		t.Error("other bytes came")
	}
	src.wantOnce(t, 16)
}

// TestReadAtConcurrently is for the race detector: random reads, streams and
// verification of one Reader at once.
func TestReadAtConcurrently(t *testing.T) {
	c := newCraft(t, binding, text(30*SlotSize+5), nil)
	r, _ := openCounted(t, c)
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(w)))
			for range 50 {
				off, p := rng.IntN(len(c.plain)), make([]byte, 1+rng.IntN(300_000))
				n, err := r.ReadAt(p, int64(off))
				if want := min(len(p), len(c.plain)-off); n != want || !bytes.Equal(p[:n], c.plain[off:off+n]) || (n < len(p)) != (err == io.EOF) {
					t.Errorf("%d of %d bytes at %d, %v", n, want, off, err)
				}
			}
		})
	}
	wg.Go(func() {
		if err := r.Verify(noCtx); err != nil {
			t.Error(err)
		}
	})
	wg.Wait()
	if n := len(r.cache.slots); n > keptSlots {
		t.Errorf("%d slots are kept", n)
	}
}

// TestFailedReadsAreTriedAgain: an I/O error is no damage, and it does not stick.
func TestFailedReadsAreTriedAgain(t *testing.T) {
	c := newCraft(t, binding, text(SlotSize), nil)
	r, src := openCounted(t, c)
	src.fail = errors.New("broken disk")
	p := make([]byte, 10)
	n, err := r.ReadAt(p, 5)
	if wantKind(t, err, fault.Internal); n != 0 || !errors.Is(err, src.fail) {
		t.Errorf("%d bytes, %v", n, err)
	}
	wantKind(t, r.Verify(noCtx), fault.Internal)
	src.fail = nil
	if n, err := r.ReadAt(p, 5); n != 10 || err != nil || !bytes.Equal(p, c.plain[5:15]) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestReaderContract(t *testing.T) {
	for _, n := range []int{0, 1, SlotSize - 1, SlotSize, SlotSize + 1, 40*SlotSize + 3} {
		c := newCraft(t, binding, text(n), nil)
		r, _ := openCounted(t, c)
		if r.Size() != int64(n) || r.Trailer().Name != "pain.001.xml" || r.Header().File != fileID {
			t.Errorf("size %d, trailer %+v", r.Size(), r.Trailer())
		}
		if got, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size())); err != nil || !bytes.Equal(got, c.plain) {
			t.Errorf("%d of %d bytes, %v", len(got), n, err)
		}
		if n < 2*SlotSize { // it reads byte by byte
			if err := iotest.TestReader(io.NewSectionReader(r, 0, r.Size()), c.plain); err != nil {
				t.Error(err)
			}
		}
		var out bytes.Buffer
		if m, err := r.WriteTo(&out); m != int64(n) || err != nil || !bytes.Equal(out.Bytes(), c.plain) {
			t.Errorf("WriteTo: %d of %d bytes, %v", m, n, err)
		}
		if err := r.Verify(noCtx); err != nil {
			t.Error(err)
		}
		if m, err := r.ReadAt(make([]byte, 5), r.Size()); m != 0 || err != io.EOF {
			t.Errorf("at the end: %d, %v", m, err)
		}
		_, err := r.ReadAt(make([]byte, 5), -1)
		wantKind(t, err, fault.Invalid)
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	c := newCraft(t, binding, text(40*SlotSize), nil)
	r, _ := openCounted(t, c)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Verify(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestWritersThatFail(t *testing.T) {
	c := newCraft(t, binding, text(3*SlotSize), nil)
	r, _ := openCounted(t, c)
	full := fault.New(fault.Full, "vault: write", "the disk is full")
	for n := range 4 {
		_, err := Seal(&failing{n, full}, bytes.NewReader(c.plain), c.h, c.k, "x", received)
		if n < 3 { // header, one batch, trailer
			wantKind(t, err, fault.Full)
		} else if err != nil {
			t.Error(err)
		}
	}
	_, err := r.WriteTo(&failing{0, full})
	wantKind(t, err, fault.Full)
	wantKind(t, r.VerifyTo(noCtx, &failing{0, full}), fault.Full)
	_, err = Seal(io.Discard, iotest.ErrReader(full), c.h, c.k, "x", received)
	wantKind(t, err, fault.Full)
}

type failing struct {
	after int
	err   error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.after == 0 {
		return 0, f.err
	}
	f.after--
	return len(p), nil
}

func TestReplaceHeader(t *testing.T) {
	old, fresh := newLock(t, ecKey(t, elliptic.P256())), newLock(t, ecKey(t, elliptic.P384()))
	access := hybridKey(t)
	c := newCraft(t, binding, text(2*SlotSize+9), []lock{old}, access)
	obj := c.bytes()
	h := Header{Binding: binding, Wraps: []Wrap{must(WrapForCertificate(c.a, fresh.cert, binding)), c.h.Wraps[1]}}
	var out bytes.Buffer
	if err := ReplaceHeader(&out, bytes.NewReader(obj), int64(len(obj)), h, c.k); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes()[len(h.Marshal(c.k)):], obj[len(c.header):]) {
		t.Error("the body is not the same, byte for byte")
	}
	got, _, err := readAll(out.Bytes(), func(h Header) (*FileKey, error) { return h.FileKey(fresh.key, access) })
	if err != nil || !bytes.Equal(got, c.plain) {
		t.Errorf("%d bytes by the new certificate, %v", len(got), err)
	}
	_, _, err = readAll(out.Bytes(), func(h Header) (*FileKey, error) { return h.FileKey(old.key, access) })
	wantKind(t, err, fault.Locked)

	h.Account = [16]byte{9}
	wantKind(t, ReplaceHeader(io.Discard, bytes.NewReader(obj), int64(len(obj)), h, c.k), fault.Damaged)
	obj[20] ^= 1
	wantKind(t, ReplaceHeader(io.Discard, bytes.NewReader(obj), int64(len(obj)), c.h, c.k), fault.Damaged)
}

func TestTimeOfReceiptKeepsMicroseconds(t *testing.T) {
	now := time.Date(2026, 3, 29, 2, 30, 0, 123456789, time.FixedZone("x", 7200))
	k := DeriveFileKey(Share{1}, Share{2}, fileID)
	var obj bytes.Buffer
	sealed, err := Seal(&obj, bytes.NewReader(nil), Header{Binding: binding}, k, "a", now)
	if err != nil {
		t.Fatal(err)
	}
	_, opened, err := readAll(obj.Bytes(), func(Header) (*FileKey, error) { return k, nil })
	if err != nil || opened != sealed {
		t.Errorf("sealed %+v, opened %+v, %v", sealed, opened, err)
	}
}
