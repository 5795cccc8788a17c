// Package indextest compares what the index says about a file with the expected
// answer beside the sample, by the rule of docs/formats.md: all of an answer but
// findings of severity info, and of a refused file only outcome, format and the
// fatal finding. Tests of the index and of the families use it.
package indextest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"sealgate/internal/payment"
)

// Answer is the answer of one file: the summary and all payments.
type Answer struct {
	payment.Summary
	Payments []payment.Payment `json:"payments"`
}

// Emit adds a deep copy of p; it never fails.
func (a *Answer) Emit(p *payment.Payment) error {
	a.Payments = append(a.Payments, Copy(p))
	return nil
}

// Copy returns a payment that shares no pointer with p.
func Copy(p *payment.Payment) payment.Payment {
	c := *p
	for _, s := range []**string{
		&c.BatchID, &c.Payer.Name, &c.Payee.Name, &c.Currency, &c.ExecutionDate, &c.Message, &c.EndToEndID, &c.InstructionID,
	} {
		*s = clone(*s)
	}
	c.AmountMinor = clone(c.AmountMinor)
	c.Reference = clone(c.Reference)
	for _, a := range []**payment.Account{&c.Payer.Account, &c.Payee.Account} {
		if *a = clone(*a); *a != nil {
			(*a).Bank = clone((*a).Bank)
		}
	}
	return c
}

func clone[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}

// Sample is a file of testdata/samples with its expected answer.
type Sample struct {
	Name    string // folder/file
	Content []byte
	Want    Answer
}

// Samples returns the samples in folders of root (…/testdata/samples).
func Samples(t testing.TB, root string, folders ...string) []Sample {
	t.Helper()
	const suffix = ".expected.json"
	var samples []Sample
	for _, folder := range folders {
		answers, err := filepath.Glob(filepath.Join(root, folder, "*"+suffix))
		if err != nil || len(answers) == 0 {
			t.Fatalf("no samples in %s: %v", filepath.Join(root, folder), err)
		}
		for _, answer := range answers {
			file := strings.TrimSuffix(answer, suffix)
			s := Sample{Name: folder + "/" + filepath.Base(file)}
			if s.Content, err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(answer)
			if err != nil {
				t.Fatal(err)
			}
			decoder := json.NewDecoder(bytes.NewReader(want))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&s.Want); err != nil {
				t.Fatalf("%s: %v", answer, err)
			}
			samples = append(samples, s)
		}
	}
	return samples
}

// Differences returns how got differs from want, one sentence each.
func Differences(got, want Answer) []string {
	var diffs []string
	check := func(what string, a, b any) {
		if !reflect.DeepEqual(a, b) {
			diffs = append(diffs, fmt.Sprintf("%s: got %s, want %s", what, text(a), text(b)))
		}
	}
	check("outcome", got.Outcome, want.Outcome)
	check("format", got.Format, want.Format)
	check("findings", counts(got), counts(want))
	if want.Outcome == payment.Refused {
		return diffs
	}
	check("variant", got.Variant, want.Variant)
	check("encoding", got.Encoding, want.Encoding)
	check("message_ids", got.MessageIDs, want.MessageIDs)
	check("batch_count", got.BatchCount, want.BatchCount)
	check("payment_count", got.PaymentCount, want.PaymentCount)
	check("sums", got.Sums, want.Sums)
	check("execution_dates", got.ExecutionDates, want.ExecutionDates)
	check("number of payments", len(got.Payments), len(want.Payments))
	for i := range min(len(got.Payments), len(want.Payments)) {
		check(fmt.Sprintf("payments[%d]", i), got.Payments[i], want.Payments[i])
	}
	return diffs
}

// Check reports the differences between an answer and the expected one.
func Check(t testing.TB, got, want Answer) {
	t.Helper()
	for _, d := range Differences(got, want) {
		t.Error(d)
	}
}

// counts are the findings that are compared, with counts up to 100.
func counts(a Answer) map[string]int64 {
	m := map[string]int64{}
	for _, f := range a.Findings {
		if f.Severity != payment.Info {
			m[string(f.Code)+" "+string(f.Severity)] = min(f.Count, 100)
		}
	}
	return m
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
