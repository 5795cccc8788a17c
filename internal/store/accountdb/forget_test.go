package accountdb

import (
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

func TestForgetTakesEverythingAway(t *testing.T) {
	db, file := newDB(t), uuid.New()
	publish(t, db, file, 1, meta(1, "x", 2, "M1"), pay(1), pay(2))
	for range 2 {
		if err := db.Forget(t.Context(), file); err != nil {
			t.Fatal(err)
		}
	}
	if n := search(t, db, Query{Held: WithHeld}).Total; n != 0 {
		t.Errorf("%d payments of a forgotten file", n)
	}
	_, err := db.Result(t.Context(), file, 0)
	wantKind(t, "result of a forgotten file", err, fault.NotFound)
	sweepAll(t, db)
	for _, table := range []string{"file", "load", "message", "payment", "block", "term", "young"} {
		if n := count(t, db, "SELECT count(*) FROM "+table); n != 0 {
			t.Errorf("%d rows left in %s", n, table)
		}
	}
}

// What is read of a file while it is being forgotten does not come back.
func TestForgetEndsALoadThatHasStoredNothing(t *testing.T) {
	db, file := newDB(t), uuid.New()
	l := begin(t, db, file, 1, pay(1))
	if err := db.Forget(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	_, err := l.Publish(t.Context(), meta(1, "x", 1))
	wantKind(t, "publish of a forgotten file", err, fault.Exists)
	if n := search(t, db, Query{}).Total; n != 0 {
		t.Errorf("%d payments of a forgotten file", n)
	}
	if err := l.Drop(t.Context()); err != nil || len(db.loads) != 0 {
		t.Errorf("%d loads left in memory, %v", len(db.loads), err)
	}
}
