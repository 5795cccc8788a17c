package policy

import (
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// Every place where a test may kill the program stands on the page that says what
// holds there, and every row of the page is a place in the program.
func TestKillPointsAreOnTheirPage(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "kill-points.md"))
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|\\n]+ \\| [^|\\n]+ \\|$")
	page := map[string]bool{}
	for _, m := range row.FindAllSubmatch(text, -1) {
		if page[string(m[1])] {
			t.Errorf("docs/kill-points.md has two rows for %s", m[1])
		}
		page[string(m[1])] = true
	}
	program := killPoints(t)
	for _, name := range slices.Sorted(maps.Keys(program)) {
		if !page[name] {
			t.Errorf("%s: %s has no row in docs/kill-points.md", program[name], name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(page)) {
		if program[name] == "" {
			t.Errorf("docs/kill-points.md: %s is nowhere in the program", name)
		}
	}
}

// killPoints gives every name handed to killpoint.At, with its place.
func killPoints(t *testing.T) map[string]string {
	named := regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	found := map[string]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isKillPoint(call) {
				return true
			}
			place := s.path + ":" + strconv.Itoa(s.line(call.Pos()))
			name, ok := literal(call.Args[0])
			switch {
			case !ok || !named.MatchString(name):
				t.Errorf("%s: a kill point is named by a literal like \"renew.stored\"", place)
			case found[name] != "" && path.Dir(found[name]) != path.Dir(place):
				t.Errorf("%s: %s is the name of %s, too", place, name, found[name])
			default:
				found[name] = place
			}
			return true
		})
	}
	return found
}

func isKillPoint(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != "At" || len(call.Args) != 1 {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	return ok && pkg.Name == "killpoint"
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}
