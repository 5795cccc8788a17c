package bankgirot

import (
	"bytes"
	"io"
	"runtime"
	"testing"
	"testing/iotest"

	"sealgate/internal/index/family"
	"sealgate/internal/index/indextest"
	"sealgate/internal/index/paygen"
	"sealgate/internal/payment"
)

// FuzzLB reads anything: it must not panic, the answer must not depend on how
// the source cuts its reads, and it must be an answer of the schema.
func FuzzLB(f *testing.F) {
	for _, s := range indextest.Samples(f, samples, "lb") {
		f.Add(s.Content)
		f.Add(bytes.ReplaceAll(s.Content, []byte("\r\n"), nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		(LB{}).Match(data[:min(len(data), family.HeadSize)])
		got := read(t, data)
		if slow := readAll(t, iotest.OneByteReader(bytes.NewReader(data))); text(t, slow) != text(t, got) {
			t.Fatalf("byte by byte:\n%s\nat once:\n%s", text(t, slow), text(t, got))
		}
		fatal := 0
		for _, f := range got.Findings {
			if f.Severity == payment.Fatal {
				fatal++
			}
		}
		if refused := got.Outcome == payment.Refused; refused != (fatal == 1) || (refused && len(got.Findings) != 1) {
			t.Fatalf("%s with %v", got.Outcome, got.Findings)
		}
		for i, p := range got.Payments {
			if p.Seq != int64(i+1) || p.Batch < 1 || p.Batch > got.BatchCount {
				t.Fatalf("payment %d: seq %d, batch %d of %d", i, p.Seq, p.Batch, got.BatchCount)
			}
		}
	})
}

// TestLargeFile reads what the generator wrote and finds its totals.
func TestLargeFile(t *testing.T) {
	var file bytes.Buffer
	want, err := paygen.Write(&file, paygen.Spec{Format: paygen.LB, Payments: 20_000, Batch: 3_000, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	out := family.NewCollector(func(*payment.Payment) error { return nil })
	if err := (LB{}).Read(&file, out); err != nil {
		t.Fatal(err)
	}
	got := out.Summary()
	if got.Outcome != payment.Indexed || len(got.Findings) != 0 || got.PaymentCount != int64(want.Payments) ||
		got.BatchCount != int64(want.Batches) || got.Sums[0].Minor != int64(want.Sums[0].Minor) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestMemoryIsFlat compares the heap early and late in a file. Credit transfer
// numbers have five digits, so their table cannot grow either.
func TestMemoryIsFlat(t *testing.T) {
	file, w := io.Pipe()
	go func() {
		_, err := paygen.Write(w, paygen.Spec{Format: paygen.LB, Payments: 200_000, Batch: 200_000, Seed: 3})
		w.CloseWithError(err)
	}()
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	var early int64
	out := family.NewCollector(func(p *payment.Payment) error {
		switch p.Seq {
		case 2_000:
			early = heap()
		case 198_000:
			if late := heap(); late > early+1<<20 {
				t.Errorf("%d bytes on the heap, %d early in the file", late, early)
			}
		}
		return nil
	})
	if err := (LB{}).Read(file, out); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkLB(b *testing.B) {
	var file bytes.Buffer
	if _, err := paygen.Write(&file, paygen.Spec{Format: paygen.LB, Payments: 100_000, Batch: 1_000, Seed: 1}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	b.ReportAllocs()
	for b.Loop() {
		out := family.NewCollector(func(*payment.Payment) error { return nil })
		if err := (LB{}).Read(bytes.NewReader(file.Bytes()), out); err != nil {
			b.Fatal(err)
		}
	}
}
