package trail

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// made are the actions that the source puts together, by how they begin.
// They are checked by hand only: give all of them.
var made = map[string][]string{
	"approval.":    {"allowed", "refused", "ended"},
	"access-key.":  {"removal-scheduled", "removal-cancelled"},
	"certificate.": {"removal-scheduled", "removal-cancelled"},
	"file.":        {"held", "locked"},
}

// Every action that anything puts into the audit log is read in words: a new one has
// some, in both languages, or this fails.
func TestEveryActionHasWords(t *testing.T) {
	s := readSource(t, filepath.Join("..", "..", "..", ".."))
	all := s.actions()
	if len(all) < 80 {
		t.Fatalf("%d actions were found only: %q", len(all), all)
	}
	for _, action := range all {
		if words := actionTexts["action."+action]; words[0] == "" || words[1] == "" {
			t.Errorf("%s has no words", action)
		}
	}
}

// Words for what nothing puts on record would hide that this test misses something.
func TestNoActionHasWordsInVain(t *testing.T) {
	all := readSource(t, filepath.Join("..", "..", "..", "..")).actions()
	for key := range actionTexts {
		if a, ok := strings.CutPrefix(key, "action."); ok && !slices.Contains(all, a) {
			t.Errorf("nothing puts %s on record", a)
		}
	}
}

// source is the Go files of the house, as far as they tell what is put on record.
type source struct {
	*testing.T
	files   []*file
	consts  map[string]string // "package.Name" and "directory:name": what it says
	callees map[string]int    // "directory:name" of functions, and which parameter of theirs is an action
	found   map[string]bool
}

type file struct {
	dir, pkg string
	tree     *ast.File
}

func readSource(t *testing.T, root string) *source {
	s := &source{T: t, consts: map[string]string{}, callees: map[string]int{}, found: map[string]bool{}}
	for _, top := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "testdata" || strings.HasSuffix(d.Name(), "test")):
				return filepath.SkipDir
			case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err == nil {
				s.files = append(s.files, &file{filepath.Dir(path), tree.Name.Name, tree})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range s.files {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i, name := range v.Names {
					if i < len(v.Values) {
						if text, ok := literal(v.Values[i]); ok {
							s.consts[f.dir+":"+name.Name], s.consts[f.pkg+"."+name.Name] = text, text
						}
					}
				}
			}
			return true
		})
	}
	return s
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// actions are all that is put on record. What a function is told as an action is looked
// for where it is called, until no more such functions are found.
func (s *source) actions() []string {
	for before := -1; before != len(s.callees); {
		before = len(s.callees)
		for _, f := range s.files {
			for _, decl := range f.tree.Decls {
				fn, _ := decl.(*ast.FuncDecl)
				ast.Inspect(decl, func(n ast.Node) bool { s.look(f, fn, n); return true })
			}
		}
	}
	var all []string
	for action := range s.found {
		all = append(all, action)
	}
	slices.Sort(all)
	return all
}

// look notes the action that a part of a function puts on record.
func (s *source) look(f *file, fn *ast.FuncDecl, n ast.Node) {
	switch n := n.(type) {
	case *ast.CompositeLit:
		if name(n.Type) != "audit.Entry" && (name(n.Type) != "Entry" || f.pkg != "audit") {
			return
		}
		for _, e := range n.Elts {
			if kv, ok := e.(*ast.KeyValueExpr); ok && name(kv.Key) == "Action" {
				s.take(f, fn, kv.Value)
			}
		}
	case *ast.KeyValueExpr:
		if name(n.Key) == "action" { // of what becomes an entry later
			s.take(f, fn, n.Value)
		}
	case *ast.AssignStmt:
		for i, to := range n.Lhs {
			_, field, _ := strings.Cut("."+name(to), ".")
			if field = field[strings.LastIndexByte(field, '.')+1:]; (field == "Action" || field == "action") && i < len(n.Rhs) {
				s.take(f, fn, n.Rhs[i])
			}
		}
	case *ast.CallExpr:
		callee := name(n.Fun)
		last := callee[strings.LastIndexByte(callee, '.')+1:]
		for _, key := range []string{f.dir + ":" + callee, f.dir + ":" + last, "." + last} {
			if at, ok := s.callees[key]; ok && at < len(n.Args) {
				s.take(f, fn, n.Args[at])
			}
		}
	}
}

// name is a selector or an identifier as it is written.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return name(e.X) + "." + e.Sel.Name
	case *ast.StarExpr:
		return name(e.X)
	}
	return ""
}

var action = regexp.MustCompile(`^[a-z-]+\.[a-z-]+$`)

// take notes what an expression says, or that the function is told it.
func (s *source) take(f *file, fn *ast.FuncDecl, e ast.Expr) {
	if text, ok := literal(e); ok {
		if action.MatchString(text) {
			s.found[text] = true
		}
		return
	}
	if sum, ok := e.(*ast.BinaryExpr); ok {
		begins, ok := literal(sum.X)
		ends := made[begins]
		if !ok || ends == nil {
			s.Errorf("%s puts an action together that begins %q: say here with what", f.dir, begins)
		}
		for _, end := range ends {
			s.found[begins+end] = true
		}
		return
	}
	called := name(e)
	for _, key := range []string{f.dir + ":" + called, called} {
		if text, ok := s.consts[key]; ok {
			s.take(f, fn, &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(text)})
			return
		}
	}
	if fn == nil {
		return
	}
	at := 0
	for _, p := range fn.Type.Params.List {
		for _, n := range p.Names {
			if n.Name == called {
				s.callees[f.dir+":"+fn.Name.Name] = at
				if fn.Name.IsExported() {
					s.callees["."+fn.Name.Name] = at
				}
			}
			at++
		}
	}
}
