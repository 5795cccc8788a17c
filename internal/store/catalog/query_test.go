package catalog

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/store/catalog/engine/enginetest"
)

// TestNoDynamicSQL keeps the law that query texts are constants: in every
// call that takes one, the text is built of literals and constants only.
func TestNoDynamicSQL(t *testing.T) {
	var names []string
	for _, pattern := range []string{"*.go", "*/*.go"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, more...)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	constants := map[string]bool{}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if d, ok := n.(*ast.GenDecl); ok && d.Tok == token.CONST {
				for _, spec := range d.Specs {
					for _, name := range spec.(*ast.ValueSpec).Names {
						constants[name.Name] = true
					}
				}
			}
			return true
		})
	}
	var constant func(ast.Expr) bool
	constant = func(e ast.Expr) bool {
		switch e := e.(type) {
		case *ast.BasicLit:
			return e.Kind == token.STRING
		case *ast.Ident:
			return constants[e.Name]
		case *ast.BinaryExpr:
			return e.Op == token.ADD && constant(e.X) && constant(e.Y)
		case *ast.ParenExpr:
			return constant(e.X)
		}
		return false
	}
	// Where the text stands among the arguments. query, and exec with the
	// text first, are the session's; the last three are database/sql's.
	position := map[string]int{
		"exec": 1, "execOne": 1, "Exec": 1, "ExecOne": 1, "List": 3, "One": 3, "list": 3, "one": 3, "control": 0, "query": 2,
		"ExecContext": 1, "QueryContext": 1, "QueryRowContext": 1,
	}
	// The functions through which texts pass on their way to the driver.
	passes := map[string]bool{
		"execOne": true, "one": true, "Exec": true, "ExecOne": true, "List": true, "One": true, "list": true, "control": true, "exec": true, "query": true,
	}
	calls := 0
	for _, f := range files {
		for _, decl := range f.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || passes[fn.Name.Name] {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				name := ""
				switch f := call.Fun.(type) {
				case *ast.SelectorExpr:
					name = f.Sel.Name
				case *ast.Ident:
					name = f.Name
				}
				at, ok := position[name]
				if !ok {
					return true
				}
				calls++
				if at >= len(call.Args) || !constant(call.Args[at]) {
					t.Errorf("%s: the query text of %s is not a constant", fset.Position(call.Pos()), name)
				}
				return true
			})
		}
	}
	if calls < 80 {
		t.Errorf("only %d queries seen: does this test still look at the right calls?", calls)
	}
}

// TestListsUseIndexes asks SQLite for the plan of what is asked of a catalog
// with a million files.
func TestListsUseIndexes(t *testing.T) {
	enginetest.WantIndexes(t, openTest(t).path, map[string]string{
		"DELETE FROM agent_delivery WHERE agent = ? AND file = ? AND taken_at = 0": "agent_delivery_open (file=? AND agent=?)",
		filesAll:       "INTEGER PRIMARY KEY",
		filesByState:   "file_state",
		filesByAccount: "file_account",
		filesByCode:    "file_codes",
		filesByName:    "file_name",
		namesByState:   "file_state",
		namesByAccount: "file_account",
		namesByCode:    "file_codes",
		fileByDelivery: "file_delivery",
		selectJob + `WHERE kind = ? AND account = ? AND state = 0 AND run_at <= ? ORDER BY id LIMIT ?`:                              "PRIMARY KEY (kind=? AND account=?)",
		`SELECT MIN(account) FROM job WHERE kind = ? AND account > ?`:                                                               "PRIMARY KEY (kind=? AND account>?)",
		`DELETE FROM job WHERE ` + ofLease:                                                                                          "PRIMARY KEY (kind=? AND account=? AND id=?)",
		`UPDATE job SET state = 0, lease_until = 0, worker = '', last_error = 'lease-ran-out' WHERE state = 1 AND lease_until <= ?`: "job_leased",
		selectEntry + `WHERE login = ? AND parent = ? AND name_mac = ?`:                                                             "entry_name",
		selectEntry + `WHERE file = ? ORDER BY id`:                                                                                  "entry_file",
		filesUnder:     "file_sealed",
		filesToErase:   "file_kept",
		firstKeptSince: "file_kept",
		sealedUnder:    "file_sealed",
		selectStatement + `WHERE account = ? ORDER BY seq DESC LIMIT ?`:                                    "statement_account",
		selectStatement + `WHERE signed = 0 ORDER BY seq`:                                                  "statement_unsigned",
		`SELECT seq FROM file_lock WHERE account = ? AND certificates = ? AND access_keys = ?`:             "sqlite_autoindex_file_lock_1",
		selectCertificate + `WHERE remove_at > 0 AND removed_at = 0 AND remove_at <= ? ORDER BY remove_at`: "certificate_due",
		selectAccessKey + `WHERE remove_at > 0 AND removed_at = 0 AND remove_at <= ? ORDER BY remove_at`:   "access_key_due",
		`SELECT file FROM file_grant WHERE ingest_key = ? ORDER BY seq LIMIT ?`:                            "file_grant_key",
		`SELECT file FROM file_grant WHERE ingest_key < ? OR ingest_key > ? LIMIT ?`:                       "file_grant_key",
		`SELECT COALESCE(MIN(seq), 0) FROM file_grant WHERE ingest_key IS NULL`:                            "file_grant_key",
		`SELECT id FROM entry WHERE until > 0 AND until < ? ORDER BY until LIMIT ?`:                        "entry_until",
		`SELECT COUNT(*) FROM file WHERE state NOT IN ('deleted', 'kept', 'delivered') AND state = ?`:      "file_state",
	})
}

func openTest(t *testing.T) *Catalog {
	t.Helper()
	c, err := Open(t.Context(), filepath.Join(t.TempDir(), "c.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}
