package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"golang.org/x/mod/modfile"
)

// Every module that we depend on by choice has a row that says why, and every row
// is about a module that we depend on.
func TestEveryDependencyHasItsReason(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	mod, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z0-9.]+/\S+) \| [^|\n]+ \| [^|\n]+ \|$`).FindAllSubmatch(page, -1) {
		reasons[string(m[1])] = true
	}
	for _, r := range mod.Require {
		if !r.Indirect && !reasons[r.Mod.Path] {
			t.Errorf("docs/dependencies.md has no row for %s", r.Mod.Path)
		}
		delete(reasons, r.Mod.Path)
	}
	for path := range reasons {
		t.Errorf("docs/dependencies.md has a row for %s, which go.mod does not name", path)
	}
}
