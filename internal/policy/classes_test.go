package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A class of attack that names no living test is not covered.
func TestSecurityClassesNameRealTests(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "security-classes.md"))
	if err != nil {
		t.Fatal(err)
	}
	real := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir(filepath.Join("..", ".."), func(name string, d os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		source, err := os.ReadFile(name)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			real[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)\\w+)`").FindAllSubmatch(text, -1)
	if len(named) < 20 {
		t.Fatalf("only %d tests are named; is this the right document?", len(named))
	}
	for _, m := range named {
		if !real[string(m[1])] {
			t.Errorf("docs/security-classes.md names %s, which does not exist", m[1])
		}
	}
}
