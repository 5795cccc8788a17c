// Package paygen writes synthetic payment files of any size, together with the
// totals that an indexer must find in them.
//
// The output depends only on the Spec: same Spec, same bytes. It is streamed, so
// a file of any size needs a few kilobytes of memory; totals that stand before
// the payments are found by walking the same random sequence twice. Check digits
// (IBAN, Bankgiro, OCR) are right, so a correct indexer has nothing to report.
package paygen

import (
	"bufio"
	"fmt"
	"io"
)

// Formats that can be written.
const (
	Pain001 = "pain001"
	LB      = "lb"
)

// Spec says what to write.
type Spec struct {
	Format   string // Pain001 or LB
	Version  string // of pain.001: "03" or "09"
	Payments uint64
	Batch    uint64 // payments in a batch or section
	Seed     uint64
}

// Totals are what an indexer must report of a file.
type Totals struct {
	Format   string `json:"format"`
	Payments uint64 `json:"payment_count"`
	Batches  uint64 `json:"batch_count"`
	Sums     []Sum  `json:"sums"`
}

// Sum is the total of one currency and direction.
type Sum struct {
	Currency  string `json:"currency"`
	Direction string `json:"direction"`
	Count     uint64 `json:"count"`
	Minor     uint64 `json:"minor"`
}

// Write writes the file to w.
func Write(w io.Writer, s Spec) (Totals, error) {
	if err := s.check(); err != nil {
		return Totals{}, err
	}
	bw := bufio.NewWriterSize(w, 1<<16)
	t := s.totals()
	if s.Format == LB {
		writeLB(bw, s)
	} else {
		writePain001(bw, s, t.Sums[0].Minor)
	}
	// A bufio.Writer keeps its first error, so one check at the end is enough.
	return t, bw.Flush()
}

func (s Spec) check() error {
	switch {
	case s.Format != Pain001 && s.Format != LB:
		return fmt.Errorf("unknown format %q: use %s or %s", s.Format, Pain001, LB)
	case s.Format == Pain001 && s.Version != "03" && s.Version != "09":
		return fmt.Errorf("unknown pain.001 version %q: use 03 or 09", s.Version)
	case s.Payments == 0 || s.Batch == 0:
		return fmt.Errorf("payments and batch must be above zero")
	}
	return nil
}

func (s Spec) totals() Totals {
	r := rng(s.Seed)
	t := Totals{Format: "iso20022.pain.001", Payments: s.Payments, Batches: (s.Payments + s.Batch - 1) / s.Batch}
	if s.Format == LB {
		t.Format = "bankgirot.lb"
	}
	t.Sums = []Sum{{Currency: "SEK", Direction: "out", Count: s.Payments, Minor: r.sum(s.Payments)}}
	return t
}
