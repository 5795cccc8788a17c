package policy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The bounds of the house. What outgrows one is split.
const (
	maxPackageLines = 2000
	maxFileLines    = 600
	maxFuncLines    = 120
	maxFields       = 20
	maxMethods      = 8
)

// source is one Go file of the module.
type source struct {
	path string // from the root
	file *ast.File
	fset *token.FileSet
	test bool
}

func (s source) line(p token.Pos) int { return s.fset.Position(p).Line }

func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "bin", "testdata", "tools":
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		all = append(all, source{path: filepath.ToSlash(rel), file: file, fset: fset, test: strings.HasSuffix(name, "_test.go")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSizes(t *testing.T) {
	packages := map[string]int{}
	for _, s := range sources(t) {
		if s.test || ast.IsGenerated(s.file) {
			continue
		}
		n := s.line(s.file.FileEnd)
		packages[path.Dir(s.path)] += n
		if n > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", s.path, n, maxFileLines)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if lines := s.line(n.End()) - s.line(n.Pos()) + 1; lines > maxFuncLines {
					t.Errorf("%s:%d: %s has %d lines, more than %d", s.path, s.line(n.Pos()), n.Name.Name, lines, maxFuncLines)
				}
			case *ast.StructType:
				if c := n.Fields.NumFields(); c > maxFields {
					t.Errorf("%s:%d: a struct of %d fields, more than %d", s.path, s.line(n.Pos()), c, maxFields)
				}
			case *ast.InterfaceType:
				if c := n.Methods.NumFields(); c > maxMethods {
					t.Errorf("%s:%d: an interface of %d methods, more than %d", s.path, s.line(n.Pos()), c, maxMethods)
				}
			}
			return true
		})
	}
	for dir, n := range packages {
		if n > maxPackageLines {
			t.Errorf("%s has %d lines without its tests, more than %d", dir, n, maxPackageLines)
		}
	}
}

// Every package says in its comment what it is for, in the form that go doc shows.
func TestEveryPackageSaysItsContract(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		dir := path.Dir(s.path)
		documented[dir] = documented[dir] || s.file.Doc != nil
		begins := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			begins = "Command " + path.Base(dir) + " "
		}
		if s.file.Doc != nil && !strings.HasPrefix(s.file.Doc.Text(), begins) {
			t.Errorf("%s: the package comment does not begin with %q", s.path, begins)
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}

// Nonces are drawn at random by the standard library; no code of ours ever
// chooses one. So of crypto/cipher only the constructor that does that is used.
func TestNoNonceIsChosenHere(t *testing.T) {
	allowed := map[string]bool{"NewGCMWithRandomNonce": true, "AEAD": true, "Block": true}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, imp := range s.file.Imports {
			switch strings.Trim(imp.Path.Value, `"`) {
			case "golang.org/x/crypto/chacha20poly1305", "golang.org/x/crypto/chacha20", "golang.org/x/crypto/nacl/secretbox":
				t.Errorf("%s imports %s, whose nonces the caller chooses", s.path, imp.Path.Value)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if pkg, ok := sel.X.(*ast.Ident); ok && pkg.Name == "cipher" && !allowed[sel.Sel.Name] {
				t.Errorf("%s:%d: cipher.%s: only cipher.NewGCMWithRandomNonce is used", s.path, s.line(sel.Pos()), sel.Sel.Name)
			}
			return true
		})
	}
}

// A test that sleeps is slow or flaky; a test that skips itself in CI tests
// nothing. So only needtest skips, which asks for CI, and what one operating
// system alone can do stands in a file of that system. Test kits are held to it,
// too.
func TestTestsNeitherSleepNorSkip(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test && !isTestKit(path.Dir(s.path)) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			switch of := lastName(sel.X); {
			case of == "time" && sel.Sel.Name == "Sleep":
				t.Errorf("%s:%d: a test sleeps", s.path, s.line(sel.Pos()))
			case skips(of, sel.Sel.Name) && path.Dir(s.path) != "internal/needtest":
				t.Errorf("%s:%d: a test skips itself; needtest knows when that is allowed", s.path, s.line(sel.Pos()))
			}
			return true
		})
	}
}

// skips reports whether a method is one by which a test skips itself. Others have
// a Skip of their own, so that one counts only on what tests are called.
func skips(of, method string) bool {
	switch method {
	case "Skipf", "SkipNow":
		return true
	case "Skip":
		return slices.Contains([]string{"t", "b", "f", "tb", "T", "B", "F", "TB"}, of)
	}
	return false
}

// lastName gives the t of t, of g.t and of (t).
func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.ParenExpr:
		return lastName(e.X)
	}
	return ""
}

var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|HA` + `CK)\b|(?i)not (yet )?imple` + `mented`)

func TestNothingIsLeftForLater(t *testing.T) {
	for _, s := range sources(t) {
		for _, group := range s.file.Comments {
			if m := unfinished.FindString(group.Text()); m != "" {
				t.Errorf("%s:%d: %q in a comment", s.path, s.line(group.Pos()), m)
			}
		}
	}
}

// A merge that nobody finished does no harm to a build when it is in a text.
func TestNoMergeIsHalfDone(t *testing.T) {
	mark := regexp.MustCompile(`(?m)^(<{7}|>{7}) `)
	err := filepath.WalkDir("../..", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", "bin", "node_modules"}, d.Name()):
			return filepath.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(name)
		if mark.Match(text) {
			t.Errorf("%s has marks of a merge", name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
