package accountdbtest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb"
)

func comesBack(t *testing.T, pool *accountdb.Pool) {
	db := database(t, pool)
	bare := &payment.Payment{Seq: 2, Direction: payment.In, Kind: "entry", Immediate: true}
	partly := pay(7)
	partly.Payer.Name, partly.Payee.Account, partly.Reference = nil, nil, nil
	want := []*payment.Payment{pay(1), bare, partly}
	file := uuid.New()
	publish(t, db, file, 1, meta(1, "x", 3), want...)
	page := search(t, db, accountdb.Query{})
	if len(page.Payments) != 3 || page.Total != 3 || !page.TotalIsExact || page.Next != nil {
		t.Fatalf("page %+v", page)
	}
	for i, got := range page.Payments {
		if got.FileID != file || !reflect.DeepEqual(&got.Payment, want[i]) {
			t.Errorf("payment %d: %+v, want %+v", i, got, want[i])
		}
	}
	i := 0
	err := db.Payments(t.Context(), file, func(p *payment.Payment) error {
		if !reflect.DeepEqual(p, want[i]) {
			t.Errorf("payment %d: %+v, want %+v", i, p, want[i])
		}
		i++
		return nil
	})
	if err != nil || i != 3 {
		t.Errorf("%d payments, %v", i, err)
	}
}

func shape(t *testing.T, pool *accountdb.Pool) {
	db := database(t, pool)
	out, err := json.Marshal(search(t, db, accountdb.Query{}))
	if err != nil || string(out) != `{"total":0,"total_is_exact":true,"next":null,"payments":[]}` {
		t.Errorf("an empty page is %s, %v", out, err)
	}
	publish(t, db, uuid.New(), 1, meta(1, "x", 1), pay(1))
	out, err = json.Marshal(search(t, db, accountdb.Query{}))
	if err != nil || !strings.Contains(string(out), `"payments":[{"file_id":"`) || !strings.Contains(string(out), `"amount_minor":1001`) {
		t.Errorf("a page is %s, %v", out, err)
	}
}

func stale(t *testing.T, pool *accountdb.Pool) {
	db, file := database(t, pool), uuid.New()
	slow := begin(t, db, file, 1, pay(1))
	publish(t, db, file, 2, meta(1, "x", 2), pay(1), pay(2))
	for range 2 {
		_, err := slow.Publish(t.Context(), meta(1, "x", 1))
		wantKind(t, "publish by the older lease", err, fault.Exists)
	}
	for _, fence := range []int64{1, 2} {
		_, err := begin(t, db, file, fence, pay(1)).Publish(t.Context(), meta(1, "x", 1))
		wantKind(t, "publish by an older lease that begins later", err, fault.Exists)
	}
	if err := slow.Drop(t.Context()); err != nil {
		t.Error(err)
	}
	if p := search(t, db, accountdb.Query{}); p.Total != 2 {
		t.Errorf("%d payments, want the 2 of the newer lease", p.Total)
	}
}

func result(t *testing.T, pool *accountdb.Pool) {
	db, file := database(t, pool), uuid.New()
	_, err := db.Result(t.Context(), file, 0)
	wantKind(t, "result of nothing", err, fault.NotFound)
	begin(t, db, file, 1, pay(1))
	_, err = db.Result(t.Context(), file, 0)
	wantKind(t, "result of an unpublished load", err, fault.NotFound)
	want := publish(t, db, file, 2, meta(7, "x", 1, "M1"), pay(1))
	got, err := db.Result(t.Context(), file, 0)
	if err != nil || !reflect.DeepEqual(got, accountdb.Result{Number: 7, Fence: 2, IndexVersion: 1, Summary: want}) {
		t.Errorf("result %+v, %v", got, err)
	}
	_, err = db.Result(t.Context(), file, 2)
	wantKind(t, "result for a reading that was asked for later", err, fault.NotFound)
}

func outOfOrder(t *testing.T, pool *accountdb.Pool) {
	db := database(t, pool)
	l := begin(t, db, uuid.New(), 1, pay(5))
	if err := errors.Join(l.Add(pay(5)), l.Add(pay(4))); err == nil {
		t.Error("a payment was taken twice")
	}
}

func invisible(t *testing.T, pool *accountdb.Pool, many int64) {
	db, file := database(t, pool), uuid.New()
	l := begin(t, db, file, 1, pays(many)...)
	for _, q := range []accountdb.Query{{}, {Held: accountdb.WithHeld}, {Number: "59990473"}, {File: file}} {
		if p := search(t, db, q); p.Total != 0 {
			t.Errorf("%+v finds %d payments of an unpublished load", q, p.Total)
		}
	}
	if _, err := l.Publish(t.Context(), meta(1, "x", many)); err != nil {
		t.Fatal(err)
	}
	wantTotal(t, "published", db, many)
}

func dropped(t *testing.T, pool *accountdb.Pool, many int64) {
	db := database(t, pool)
	publish(t, db, uuid.New(), 1, meta(1, "kept", 1), pay(1))
	for _, n := range []int64{3, many} {
		if err := begin(t, db, uuid.New(), 1, pays(n)...).Drop(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := publish(t, db, uuid.New(), 1, refused(3, "cut", payment.Truncated), pays(n)...)
		wantOutcome(t, "a cut file", s, payment.Refused, "truncated")
	}
	wantTotal(t, "after dropped and refused loads", db, 1)
}

// Whoever publishes first, the younger lease has the last word.
func younger(t *testing.T, pool *accountdb.Pool) {
	db, file := database(t, pool), uuid.New()
	young := begin(t, db, file, 2, pay(1), pay(2))
	publish(t, db, file, 1, meta(1, "x", 1), pay(1))
	if _, err := young.Publish(t.Context(), meta(1, "x", 2)); err != nil {
		t.Fatal(err)
	}
	wantTotal(t, "the younger lease's", db, 2)
}

func readAgain(t *testing.T, pool *accountdb.Pool) {
	db, file := database(t, pool), uuid.New()
	publish(t, db, file, 1, meta(1, "x", 2, "M1"), pay(1), pay(2))
	wantOutcome(t, "the same file read again", publish(t, db, file, 2, meta(1, "x", 1, "M2"), pay(1)), payment.Indexed, "")
	wantTotal(t, "the second reading", db, 1)
	s := publish(t, db, uuid.New(), 3, meta(2, "y", 1, "M1"), pay(1))
	wantOutcome(t, "a message id that is no longer in the first", s, payment.Indexed, "")
	s = publish(t, db, uuid.New(), 4, meta(3, "z", 1, "M2"), pay(1))
	wantOutcome(t, "a message id of the second reading", s, payment.Held, "duplicate-message-id")
}

func endedLoad(t *testing.T, pool *accountdb.Pool, many int64) {
	db := database(t, pool)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := db.Begin(ctx, uuid.New(), 1)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for seq := int64(1); err == nil && seq <= many; seq++ {
		err = l.Add(pay(seq))
	}
	if !errors.Is(err, context.Canceled) || !fault.Is(err, fault.TryLater) {
		t.Errorf("adding under an ended context: %v", err)
	}
	if err := l.Drop(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = begin(t, db, uuid.New(), 1, pay(1)).Publish(ctx, meta(1, "x", 1))
	wantKind(t, "publish under an ended context", err, fault.TryLater)
	wantTotal(t, "what an ended context left", db, 0)
}
