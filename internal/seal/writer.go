package seal

import (
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"sync"
	"time"

	"sealgate/internal/fault"
)

// batch is what Seal and a streaming Reader work on at a time: enough slots to
// share between cores, few enough to stay small.
const batchSlots = 16

type batch struct {
	plain  [batchSlots * SlotSize]byte
	sealed [batchSlots * SealedSlot]byte
}

var batches = sync.Pool{New: func() any { return new(batch) }}

// Seal writes a whole sealed file: header, the slots of src, trailer. Hashing
// runs beside sealing.
func Seal(dst io.Writer, src io.Reader, h Header, k *FileKey, name string, now time.Time) (Trailer, error) {
	body, err := NewBody(k, h.File)
	if err != nil {
		return Trailer{}, err
	}
	if err := write(dst, h.Marshal(k)); err != nil {
		return Trailer{}, err
	}
	t := Trailer{Name: fitName(name), ReceivedAt: now.UTC().Truncate(time.Microsecond)}
	buf := batches.Get().(*batch)
	defer batches.Put(buf)
	sum := sha256.New()
	for first := int64(0); ; first += batchSlots {
		n, err := io.ReadFull(src, buf.plain[:])
		last := err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !last {
			return Trailer{}, fault.Wrap(fault.Internal, "seal: read", err)
		}
		if first+Slots(int64(n)) > MaxSlots {
			return Trailer{}, fault.New(fault.TooLarge, "seal: seal", "a sealed file holds at most %d bytes", int64(MaxSlots)*SlotSize)
		}
		var hashing sync.WaitGroup
		hashing.Go(func() { sum.Write(buf.plain[:n]) })
		sealed := body.sealBatch(buf, first, n)
		hashing.Wait()
		if err := write(dst, sealed); err != nil {
			return Trailer{}, err
		}
		t.Size += int64(n)
		if last {
			break
		}
	}
	sum.Sum(t.SHA256[:0])
	return t, write(dst, body.SealTrailer(nil, t))
}

// sealBatch seals the first n plaintext bytes of buf, whose first slot is number
// first, and returns them sealed.
func (b *Body) sealBatch(buf *batch, first int64, n int) []byte {
	slots := int(Slots(int64(n)))
	each(slots, func(i int) error {
		lo := i * SealedSlot
		b.SealSlot(buf.sealed[lo:lo:lo+SealedSlot], first+int64(i), buf.plain[i*SlotSize:min(n, (i+1)*SlotSize)])
		return nil
	})
	return buf.sealed[:n+slots*Overhead]
}

// openBatch opens the first n sealed bytes of buf and returns the plaintext.
func (b *Body) openBatch(buf *batch, first int64, n int) ([]byte, error) {
	slots := (n + SealedSlot - 1) / SealedSlot
	err := each(slots, func(i int) error {
		lo := i * SlotSize
		_, err := b.OpenSlot(buf.plain[lo:lo:lo+SlotSize], first+int64(i), buf.sealed[i*SealedSlot:min(n, (i+1)*SealedSlot)])
		return err
	})
	return buf.plain[:n-slots*Overhead], err
}

// each calls do for 0 to n-1 on all cores and returns the first number's error.
func each(n int, do func(i int) error) error {
	workers := min(n, runtime.GOMAXPROCS(0))
	errs := make([]error, n)
	run := func(from int) {
		for i := from; i < n; i += workers {
			errs[i] = do(i)
		}
	}
	var others sync.WaitGroup
	for w := 1; w < workers; w++ {
		others.Go(func() { run(w) })
	}
	run(0)
	others.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ReplaceHeader writes the sealed file src again with another header, for keys
// that are added, dropped or rotated. The body is copied byte for byte. The old
// header and the trailer are verified first, and h must be of the same file and
// account.
func ReplaceHeader(dst io.Writer, src io.ReaderAt, size int64, h Header, k *FileKey) error {
	r, err := OpenReaderAt(src, size, func(old Header) (*FileKey, error) {
		return k, old.Check(h.Binding)
	})
	if err != nil {
		return err
	}
	if err := write(dst, h.Marshal(k)); err != nil {
		return err
	}
	rest := size - int64(r.headerLen)
	n, err := io.Copy(dst, io.NewSectionReader(src, int64(r.headerLen), rest))
	if err == nil && n != rest {
		err = damaged("the file is cut")
	}
	return fault.Wrap(fault.Internal, "seal: copy", err)
}

func write(dst io.Writer, b []byte) error {
	_, err := dst.Write(b)
	return fault.Wrap(fault.Internal, "seal: write", err)
}
