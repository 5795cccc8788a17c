package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Every sentence that the index makes about a file has its Swedish, with as many places.
func TestEveryDetailHasSwedish(t *testing.T) {
	reports := []string{"Add", "Fatal", "fatal", "add", "addBatch", "addPayment", "fail"}
	found := 0
	err := filepath.WalkDir(filepath.Join("..", "..", "..", "index"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch f := call.Fun.(type) {
			case *ast.Ident:
				name = f.Name
			case *ast.SelectorExpr:
				name = f.Sel.Name
			}
			if !slices.Contains(reports, name) {
				return true
			}
			for _, arg := range call.Args {
				lit, ok := arg.(*ast.BasicLit)
				if !ok || lit.Kind != token.STRING || !strings.Contains(lit.Value, " ") {
					continue
				}
				format, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				found++
				if swedish, ok := details[format]; !ok {
					t.Errorf("%s: %q has no Swedish", path, format)
				} else if len(verb.FindAllString(format, -1)) != len(verb.FindAllString(swedish, -1)) {
					t.Errorf("%q has other places than %q", swedish, format)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 90 {
		t.Errorf("%d sentences were found only", found)
	}
}

func TestDetailsAreReadInSwedish(t *testing.T) {
	for english, swedish := range map[string]string{
		"batch 2 says that it holds 12 payments, but holds 11":                       "bunt 2 säger att den har 12 betalningar, men har 11",
		"the control sum of the file is 1,5.0, which is not the sum of its payments": "filens kontrollsumma är 1,5.0, som inte är summan av dess betalningar",
		"the file is pain.001.001.13; versions 02 to 12 of pain.001 are known":       "filen är pain.001.001.13; versionerna 02 till 12 av pain.001 är kända",
		"the payment day \"<b> is not a day\" is not a day":                          "betaldagen \"<b> is not a day\" är ingen dag",
		"something that nobody has translated":                                       "something that nobody has translated",
	} {
		if got := inSwedish(detailPhrases(), english); got != swedish {
			t.Errorf("%q: %q", english, got)
		}
	}
}

// So does what the doctor finds: every piece of a sentence in its source stands in one
// that has Swedish.
func TestTheDoctorSpeaksSwedish(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	var all []string
	for english := range healthDetails {
		all = append(all, english)
	}
	found := 0
	piece := func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range verb.Split(text, -1) {
			if part = strings.TrimSpace(part); len(part) < 6 || !strings.Contains(part, " ") || strings.HasPrefix(part, "2006-") {
				continue
			}
			found++
			if !slices.ContainsFunc(all, func(english string) bool { return strings.Contains(english, part) }) {
				t.Errorf("%q has no Swedish", part)
			}
		}
		return true
	}
	says := func(n ast.Expr) bool {
		switch n := n.(type) {
		case *ast.Ident:
			return slices.Contains([]string{"Fine", "Warn", "Fail", "Found", "Do", "Message", "found", "do", "apart"}, n.Name)
		case *ast.SelectorExpr:
			return slices.Contains([]string{"Found", "Do", "Message"}, n.Sel.Name)
		}
		return false
	}
	for _, path := range []string{"cli/doctor/doctor.go", "portal/health/health.go", "portal/api/doctor.go", "custody/keyring/warnings.go"} {
		tree, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, filepath.FromSlash(path)), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if says(n.Fun) {
					for _, arg := range n.Args[1:] { // the first names the check
						ast.Inspect(arg, piece)
					}
				}
			case *ast.KeyValueExpr:
				if says(n.Key) {
					ast.Inspect(n.Value, piece)
				}
			case *ast.AssignStmt:
				if slices.ContainsFunc(n.Lhs, says) {
					for _, e := range n.Rhs {
						ast.Inspect(e, piece)
					}
				}
			case *ast.ValueSpec:
				if says(n.Names[0]) {
					for _, e := range n.Values {
						ast.Inspect(e, piece)
					}
				}
			case *ast.FuncDecl:
				if n.Name.Name == "todo" {
					ast.Inspect(n.Body, func(n ast.Node) bool {
						if r, ok := n.(*ast.ReturnStmt); ok {
							ast.Inspect(r, piece)
						}
						return true
					})
				}
			}
			return true
		})
	}
	if found < 50 {
		t.Errorf("%d pieces were found only", found)
	}
	for english, swedish := range map[string]string{
		"/srv/data has mode 0755: others may look in":         "/srv/data har rättigheterna 0755: andra kan se in",
		"12.0 GB free of 100.0 GB":                            "12.0 GB ledigt av 100.0 GB",
		"gateway certificate renew acme, or import a new one": "gateway certificate renew acme, eller importera ett nytt",
	} {
		if got := inSwedish(healthPhrases(), english); got != swedish {
			t.Errorf("%q: %q", english, got)
		}
	}
}
