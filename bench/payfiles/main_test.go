package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/index"
	"sealgate/internal/payment"
)

// What is sent must be files that the gateway keeps, and no two the same: a
// refused or repeated file would not cost it what a real one costs.
func TestFilesAreWholeAndDiffer(t *testing.T) {
	dir := t.TempDir()
	if err := run([]string{"-n", "3", "-size", "12288", "-prefix", "a-", "-o", dir}); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, name := range []string{"a-00000.xml", "a-00001.xml", "a-00002.xml"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if len(text) != 12288 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
		s, err := index.Read(t.Context(), bytes.NewReader(text), func(*payment.Payment) error { return nil })
		if err != nil || s.Outcome != payment.Indexed || len(s.Findings) > 0 || s.PaymentCount < 5 {
			t.Errorf("%s: %v, %+v", name, err, s)
		}
		for _, id := range s.MessageIDs {
			ids[id] = true
		}
	}
	if len(ids) != 3 {
		t.Errorf("message ids %v", ids)
	}
}

func TestTooSmallForAPayment(t *testing.T) {
	if err := run([]string{"-n", "1", "-size", "100", "-o", t.TempDir()}); err == nil {
		t.Error("no error")
	}
}
