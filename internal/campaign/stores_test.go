package campaign

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// checkStores looks into the data directory of a stopped gateway: every object
// in the vault has its row and every row its object, and no work is left over.
// It returns how many files are on record.
func checkStores(g *gateway) int {
	g.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(g.dir, "catalog.db")+"?mode=ro")
	g.check(err)
	defer db.Close()
	rows := map[string]bool{}
	for _, ref := range column(g.t, db, `SELECT body_ref FROM file WHERE body_kind = 'vault'`) {
		rows[ref] = true
	}
	objects := 0
	vault := filepath.Join(g.dir, "vault")
	g.check(filepath.WalkDir(vault, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		objects++
		if !rows[d.Name()] {
			g.t.Errorf("the object %s in the vault has no row", d.Name())
		}
		delete(rows, d.Name())
		return nil
	}))
	// An arrival is on record before the first of its bytes is on the disk.
	for _, ref := range column(g.t, db, `SELECT body_ref FROM file WHERE body_kind = 'vault' AND state = 'arriving'`) {
		delete(rows, ref)
	}
	for ref := range rows {
		g.t.Errorf("the object %s has a row and is not in the vault", ref)
	}
	for what, query := range map[string]string{
		"jobs":                     `SELECT kind || ' ' || last_error FROM job WHERE kind <> 'outbox-expire'`,
		"bodies of no file":        `SELECT b.number || ' ' || coalesce(f.state || ' ' || f.body_kind, '') FROM inline_body b LEFT JOIN file f ON f.number = b.number WHERE f.body_kind IS NOT 'inline'`,
		"files without their body": `SELECT hex(id) FROM file WHERE body_kind = 'inline' AND number NOT IN (SELECT number FROM inline_body)`,
		"grants of no file":        `SELECT hex(file) FROM file_grant WHERE file IS NOT NULL AND file NOT IN (SELECT id FROM file)`,
		"grants at rest":           `SELECT hex(file) FROM file_grant WHERE file IN (SELECT id FROM file WHERE state IN ('kept', 'deleted', 'erased', 'delivered'))`,
		"names of no file":         `SELECT hex(id) FROM entry WHERE file IS NOT NULL AND file NOT IN (SELECT id FROM file)`,
	} {
		if left := column(g.t, db, query); len(left) > 0 {
			g.t.Errorf("%d %s are left over: %s", len(left), what, strings.Join(left[:min(5, len(left))], ", "))
		}
	}
	var files int
	g.check(db.QueryRow(`SELECT count(*) FROM file`).Scan(&files))
	g.t.Logf("%d files on record, %d objects in the vault", files, objects)
	return files
}

func column(t testing.TB, db *sql.DB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.Query(query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
