package accountdb

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/accountdb/row"
)

// Neither way of walking may sort: a page must not cost as much as all pages.
func TestSearchesNeverSort(t *testing.T) {
	db := newDB(t)
	for _, q := range []Query{
		{},
		{Held: WithHeld},
		{File: uuid.New()},
		{File: uuid.New(), Seq: 7},
		{Payee: "x"},
		{Number: "1"},
		{Reference: "1"},
		{Number: "1", Reference: "1"},
		{From: "2026-01-01", To: "2026-02-02"},
		{Number: "1", From: "2026-01-01", Held: OnlyHeld},
	} {
		w := q.compile()
		blocks, args := w.blocksSQL(1 << 40)
		for _, step := range plan(t, db, blocks, args...) {
			if strings.Contains(step, "TEMP B-TREE") || strings.Contains(step, "SCAN b") {
				t.Errorf("%+v: %s", q, step)
			}
		}
		for _, table := range w.tables() {
			query, args := w.sql(table, row.Columns, 1<<40)
			for _, step := range plan(t, db, query, append(args, 10)...) {
				if strings.Contains(step, "TEMP B-TREE") || strings.Contains(step, "SCAN p") {
					t.Errorf("%+v: %s", q, step)
				}
			}
		}
	}
}

// plan returns the steps of SQLite's plan for a query.
func plan(t *testing.T, db *DB, query string, args ...any) (steps []string) {
	t.Helper()
	rows, err := db.reader.Query("EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}

func FuzzCursor(f *testing.F) {
	f.Add(encodeCursor(1 << 40))
	f.Add("")
	f.Fuzz(func(t *testing.T, after string) {
		q := Query{After: after}
		id, err := q.cursor("test")
		switch {
		case err == nil && after != "" && encodeCursor(id) != after:
			t.Errorf("%q is read as %d, which is %q", after, id, encodeCursor(id))
		case err != nil && !fault.Is(err, fault.Invalid):
			t.Errorf("%q: %v", after, err)
		}
	})
}

// Where a term lies, among the young or in the index, makes no difference to
// who is found, nor to the order and the total.
func TestYoungTermsAndTheIndexMakeOneAnswer(t *testing.T) {
	db := newDB(t)
	for f := range int64(6) {
		if f == 3 {
			db.ripe = 1
		}
		publish(t, db, uuid.New(), 1, meta(f+1, fmt.Sprint(f), 2), pay(1), pay(2))
		db.ripe = youngTerms
	}
	if young, old := count(t, db, "SELECT count(*) FROM young"), count(t, db, "SELECT count(*) FROM term"); young != 2*2*3 || old != 4*2*3 {
		t.Fatalf("%d young terms, %d in the index", young, old)
	}
	for _, q := range []Query{{Number: "59990473"}, {Reference: "77319002"}, {Number: "59990473", Reference: "77319002"}} {
		var last int64
		found := 0
		for q.Limit = 5; ; {
			page := search(t, db, q)
			if page.Total != 12 || !page.TotalIsExact {
				t.Errorf("%+v: total %d, exact %v", q, page.Total, page.TotalIsExact)
			}
			found += len(page.Payments)
			if page.Next == nil {
				break
			}
			q.After = *page.Next
			if at, _ := q.cursor("test"); at <= last {
				t.Errorf("%+v: page ends at %d after %d", q, at, last)
			} else {
				last = at
			}
		}
		if found != 12 {
			t.Errorf("%+v finds %d", q, found)
		}
	}
}
