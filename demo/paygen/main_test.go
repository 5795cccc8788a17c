package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/index/paygen"
)

func TestFileAndTotals(t *testing.T) {
	var want bytes.Buffer
	wantTotals, err := paygen.Write(&want, paygen.Spec{Format: paygen.LB, Payments: 10, Batch: 4, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-format", "lb", "-n", "10", "-batch", "4", "-seed", "5"}
	var stdout bytes.Buffer
	if err := run(args, &stdout); err != nil || !bytes.Equal(stdout.Bytes(), want.Bytes()) {
		t.Errorf("another file on standard output (%v)", err)
	}
	file, totals := filepath.Join(t.TempDir(), "big.txt"), filepath.Join(t.TempDir(), "big.json")
	if err := run(append(args, "-o", file, "-expect", totals), io.Discard); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("another file (%v)", err)
	}
	b, err := os.ReadFile(totals)
	if err != nil {
		t.Fatal(err)
	}
	var gotTotals paygen.Totals
	if err := json.Unmarshal(b, &gotTotals); err != nil || gotTotals.Payments != wantTotals.Payments || gotTotals.Sums[0] != wantTotals.Sums[0] {
		t.Errorf("totals %+v, want %+v (%v)", gotTotals, wantTotals, err)
	}
}

func TestBadArguments(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none", "f")
	for _, args := range [][]string{{"-format", "camt053"}, {"-n", "-1"}, {"-size", "3"}, {"more"}, {"-o", none}, {"-expect", none}} {
		if err := run(args, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
