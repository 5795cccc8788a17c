package custody_test

import (
	"testing"
	"time"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/store/catalog/catalogtest"
)

// last is the newest entry of the audit log about an action.
func (w *world) last(action string) audit.Entry {
	w.t.Helper()
	entries := catalogtest.Audited(w.t, w.cat, action)
	if len(entries) == 0 {
		w.t.Errorf("%s is not on record", action)
		return audit.Entry{}
	}
	return *entries[0]
}

// A key that is lent for an hour is back after it, whatever else was lent since.
func TestEachLoanHasItsOwnEnd(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a, first := w.customer("acme")
	old := w.kept(a)
	second := newPrivate(t)
	w.clock.Add(time.Second)
	if _, err := w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{Public: second.PublicKey()}); err != nil {
		t.Fatal(err)
	}
	begun := w.clock.Now()
	if until, err := w.Unlock(ctx, "op", a.ID, first, time.Hour); err != nil || !until.Equal(begun.Add(time.Hour)) {
		t.Fatalf("%v, %v", until, err)
	}
	if got := w.last("access-key.unlocked").Detail["until"]; got != begun.Add(time.Hour).UTC().Format(time.RFC3339) {
		t.Errorf("on record: until %q", got)
	}
	if until, err := w.Unlock(ctx, "op", a.ID, second, 24*time.Hour); err != nil || !until.Equal(begun.Add(24*time.Hour)) {
		t.Fatalf("%v, %v", until, err)
	}
	list, err := w.AccessKeys(ctx, a.ID)
	if err != nil || !list[1].Unlocked.Equal(begun.Add(time.Hour)) || !list[0].Unlocked.Equal(begun.Add(24*time.Hour)) {
		t.Errorf("%+v, %v", list, err)
	}
	w.opens(old)
	if err := w.TakeBack(ctx); err != nil || w.actions("access-key.loan-ended") != 0 {
		t.Errorf("a loan ended too early: %v", err)
	}
	w.clock.Add(2 * time.Hour)
	w.shut(old) // only the first key opens it
	if until, ok := w.Unlocked(a.ID); !ok || !until.Equal(begun.Add(24*time.Hour)) {
		t.Errorf("unlocked until %v, %v", until, ok)
	}
	for range 2 {
		if err := w.TakeBack(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.actions("access-key.loan-ended"); n != 1 || w.last("access-key.loan-ended").Object != list[1].ID.String() {
		t.Errorf("%d loans ended on record", n)
	}
	// A shorter loan of one key does not shorten the other's.
	if _, err := w.Unlock(ctx, "op", a.ID, first, time.Minute); err != nil {
		t.Fatal(err)
	}
	w.clock.Add(time.Hour)
	if _, ok := w.Unlocked(a.ID); !ok {
		t.Error("the second key was taken back with the first")
	}
}
