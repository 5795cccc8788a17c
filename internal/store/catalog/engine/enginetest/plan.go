// Package enginetest asks SQLite how it answers a query.
package enginetest

import (
	"database/sql"
	"strings"
	"testing"
)

// WantIndexes fails for each of the queries, by their texts, that the database at
// path does not answer with the index that is named, or for which it has to sort.
func WantIndexes(t *testing.T, path string, queries map[string]string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for query, index := range queries {
		got := plan(t, db, query)
		if !strings.Contains(got, index) || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("plan of\n%s\nis %q, want index %s and no sorting", query, got, index)
		}
	}
}

func plan(t *testing.T, db *sql.DB, query string) string {
	t.Helper()
	rows, err := db.Query("EXPLAIN QUERY PLAN "+query, make([]any, strings.Count(query, "?"))...)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, x int
		var step string
		if err := rows.Scan(&id, &parent, &x, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "; ")
}
