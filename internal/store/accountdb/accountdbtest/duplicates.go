package accountdbtest

import (
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb"
)

// The order of deliveries of formats/samples/sequence/scenario.json.
func sequence(t *testing.T, pool *accountdb.Pool) {
	a, b := database(t, pool), database(t, pool)
	lb := func(number int64) accountdb.FileMeta {
		m := meta(number, "lb valid-01", 1)
		m.Summary.Format = ptr("bankgirot.lb")
		return m
	}
	for i, step := range []struct {
		db       *accountdb.DB
		meta     accountdb.FileMeta
		outcome  payment.Outcome
		findings string
	}{
		{a, meta(1, "pain valid-01", 1, "BJORKO-20260302-001"), payment.Indexed, ""},
		{a, meta(2, "pain valid-01", 1, "BJORKO-20260302-001"), payment.Held, "duplicate-file"},
		{a, meta(3, "same message id", 1, "BJORKO-20260302-001"), payment.Held, "duplicate-message-id"},
		{b, meta(1, "pain valid-01", 1, "BJORKO-20260302-001"), payment.Indexed, ""},
		{a, lb(4), payment.Indexed, ""},
		{a, lb(5), payment.Held, "duplicate-file"},
	} {
		s := publish(t, step.db, uuid.New(), 1, step.meta, pay(1))
		wantOutcome(t, "step "+string(rune('1'+i)), s, step.outcome, step.findings)
		for _, f := range s.Findings {
			if f.Count != 1 || f.Severity != payment.Error || f.Message == "" {
				t.Errorf("step %d: finding %+v", i+1, f)
			}
		}
	}
	for _, c := range []struct {
		held accountdb.Held
		want int64
	}{{accountdb.WithoutHeld, 2}, {accountdb.WithHeld, 5}, {accountdb.OnlyHeld, 3}} {
		if got := search(t, a, accountdb.Query{Held: c.held}).Total; got != c.want {
			t.Errorf("held %v: %d payments, want %d", c.held, got, c.want)
		}
	}
}

// A file held for its own errors takes nothing; released, it does.
func releaseTakes(t *testing.T, pool *accountdb.Pool) {
	db, first, second := database(t, pool), uuid.New(), uuid.New()
	wrong := func(number int64) accountdb.FileMeta {
		m := meta(number, "wrong sum", 1, "M1")
		m.Summary.Outcome = payment.Held
		m.Summary.Findings = []payment.Finding{{Code: payment.ControlSumMismatch, Severity: payment.Error, Count: 1}}
		return m
	}
	wantOutcome(t, "first", publish(t, db, first, 1, wrong(1), pay(1)), payment.Held, "control-sum-mismatch")
	wantOutcome(t, "second", publish(t, db, second, 1, wrong(2), pay(1)), payment.Held, "control-sum-mismatch")

	s, err := db.Release(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, "first, released", s, payment.Held, "control-sum-mismatch")
	if n := search(t, db, accountdb.Query{}).Total; n != 1 {
		t.Errorf("%d payments visible after the release", n)
	}
	if r, err := db.Result(t.Context(), first, 0); err != nil || !r.Released {
		t.Errorf("result after release: %+v, %v", r, err)
	}
	s, err = db.Release(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, "second, released after the first", s, payment.Held, "control-sum-mismatch duplicate-file")
	again, err := db.Release(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, "released twice", again, payment.Held, "control-sum-mismatch duplicate-file")
	wantOutcome(t, "a third", publish(t, db, uuid.New(), 1, meta(3, "other", 1, "M1"), pay(1)), payment.Held, "duplicate-message-id")
}

func releaseOfNothing(t *testing.T, pool *accountdb.Pool) {
	db, refused := database(t, pool), uuid.New()
	m := meta(1, "x", 0)
	m.Summary.Outcome = payment.Refused
	m.Summary.Findings = []payment.Finding{{Code: payment.EmptyFile, Severity: payment.Fatal, Count: 1}}
	publish(t, db, refused, 1, m)
	_, err := db.Release(t.Context(), refused)
	wantKind(t, "release of a refused file", err, fault.Invalid)
	_, err = db.Release(t.Context(), uuid.New())
	wantKind(t, "release of no file", err, fault.NotFound)
}

func refusedTakesNothing(t *testing.T, pool *accountdb.Pool) {
	db := database(t, pool)
	m := meta(1, "x", 0, "M1")
	m.Summary.Outcome = payment.Refused
	m.Summary.Findings = []payment.Finding{{Code: payment.Truncated, Severity: payment.Fatal, Count: 1}}
	publish(t, db, uuid.New(), 1, m)
	wantOutcome(t, "the same bytes refused again", publish(t, db, uuid.New(), 1, m), payment.Refused, "truncated")
	wantOutcome(t, "the same bytes, read by a better reader", publish(t, db, uuid.New(), 1, meta(2, "x", 1, "M1"), pay(1)), payment.Indexed, "")
}

// The first of two files stays the first when it is read again, whatever
// happened to the second.
func firstStaysFirst(t *testing.T, pool *accountdb.Pool) {
	db, first, second := database(t, pool), uuid.New(), uuid.New()
	publish(t, db, first, 1, meta(1, "x", 1, "M1"), pay(1))
	publish(t, db, second, 1, meta(2, "x", 1, "M1"), pay(1))
	if _, err := db.Release(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, "the first again", publish(t, db, first, 2, meta(1, "x", 1, "M1"), pay(1)), payment.Indexed, "")
	wantOutcome(t, "the second again", publish(t, db, second, 2, meta(2, "x", 1, "M1"), pay(1)), payment.Held, "duplicate-file")
	if n := search(t, db, accountdb.Query{}).Total; n != 2 {
		t.Errorf("%d payments visible: a release does not outlive a new reading", n)
	}
}

func judgedAgain(t *testing.T, pool *accountdb.Pool) {
	db, first, second := database(t, pool), uuid.New(), uuid.New()
	publish(t, db, first, 1, meta(1, "x", 1), pay(1))
	wantOutcome(t, "second", publish(t, db, second, 1, meta(2, "x", 1), pay(1)), payment.Held, "duplicate-file")
	if err := db.Forget(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, "second, after the first was forgotten", publish(t, db, second, 2, meta(2, "x", 1), pay(1)), payment.Indexed, "")
}

func outward(t *testing.T, pool *accountdb.Pool) {
	db := database(t, pool)
	out := meta(1, "x", 1, "M1")
	out.Outward = true
	out.Summary.Outcome = payment.Held
	out.Summary.Findings = []payment.Finding{{Code: payment.BadCheckDigit, Severity: payment.Error, Count: 1}}
	wantOutcome(t, "an outward file with an error", publish(t, db, uuid.New(), 1, out, pay(1)), payment.Held, string(payment.BadCheckDigit))
	if n := search(t, db, accountdb.Query{}).Total; n != 1 {
		t.Errorf("%d payments visible, want those of the outward file", n)
	}
	wantOutcome(t, "the same bytes inward", publish(t, db, uuid.New(), 1, meta(2, "x", 1, "M1"), pay(1)), payment.Indexed, "")
	again := meta(3, "x", 1, "M1")
	again.Outward = true
	wantOutcome(t, "and outward again", publish(t, db, uuid.New(), 1, again, pay(1)), payment.Indexed, "")
}

func messageIDs(t *testing.T, pool *accountdb.Pool) {
	db := database(t, pool)
	publish(t, db, uuid.New(), 1, meta(1, "x", 1, "A", "B", "C"), pay(1))
	s := publish(t, db, uuid.New(), 1, meta(2, "y", 1, "C", "D", "B", "B"), pay(1))
	wantOutcome(t, "two ids of four", s, payment.Held, "duplicate-message-id")
	if s.Findings[0].Count != 2 {
		t.Errorf("count %d, want 2", s.Findings[0].Count)
	}
	other := meta(3, "z", 1, "A")
	other.Summary.Format = ptr("iso20022.pain.008")
	wantOutcome(t, "the same id in another format", publish(t, db, uuid.New(), 1, other, pay(1)), payment.Indexed, "")
}

func forget(t *testing.T, pool *accountdb.Pool) {
	db, file := database(t, pool), uuid.New()
	publish(t, db, file, 1, meta(1, "x", 2, "M1"), pay(1), pay(2))
	for range 2 {
		if err := db.Forget(t.Context(), file); err != nil {
			t.Fatal(err)
		}
	}
	wantTotal(t, "a forgotten file", db, 0)
	_, err := db.Result(t.Context(), file, 0)
	wantKind(t, "result of a forgotten file", err, fault.NotFound)
	wantOutcome(t, "the same bytes after that", publish(t, db, uuid.New(), 1, meta(2, "x", 1, "M1"), pay(1)), payment.Indexed, "")
}

// What is read of a file while it is being forgotten does not come back.
func forgetUnderWay(t *testing.T, pool *accountdb.Pool, many int64) {
	db := database(t, pool)
	for _, n := range []int64{1, many} {
		file := uuid.New()
		l := begin(t, db, file, 1, pays(n)...)
		if err := db.Forget(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		_, err := l.Publish(t.Context(), meta(1, "x", n))
		wantKind(t, "publish of a forgotten file", err, fault.Exists)
		if err := l.Drop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	wantTotal(t, "forgotten files", db, 0)
}
