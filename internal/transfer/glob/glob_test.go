package glob_test

import (
	"strings"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/glob"
)

func TestWhichFilesAreMeant(t *testing.T) {
	for name, c := range map[string]struct {
		set  glob.Set
		file string
		want bool
	}{
		"everything":             {glob.Set{}, "a/b.xml", true},
		"by its name":            {glob.Set{Include: []string{"*.xml"}}, "b.xml", true},
		"by its name, in a room": {glob.Set{Include: []string{"*.xml"}}, "a/b.xml", true},
		"another name":           {glob.Set{Include: []string{"*.xml", "lon-*"}}, "b.txt", false},
		"case":                   {glob.Set{Include: []string{"*.xml"}}, "LÖN.XML", true},
		"by its path":            {glob.Set{Include: []string{"in/*.xml"}}, "in/b.xml", true},
		"rooted":                 {glob.Set{Include: []string{"/*.xml"}}, "b.xml", true},
		"rooted, and deeper":     {glob.Set{Include: []string{"/*.xml"}}, "a/b.xml", false},
		"a star stays in a room": {glob.Set{Include: []string{"in/*.xml"}}, "in/a/b.xml", false},
		"left out":               {glob.Set{Include: []string{"*.xml"}, Exclude: []string{"test-*"}}, "test-1.xml", false},
		"left out of everything": {glob.Set{Exclude: []string{"old/*"}}, "old/a.xml", false},
		"not left out":           {glob.Set{Exclude: []string{"old/*"}}, "new/a.xml", true},
		"what is no pattern":     {glob.Set{Include: []string{"["}}, "[", false},
	} {
		if got := c.set.Has(c.file); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPatternsAreChecked(t *testing.T) {
	if err := (glob.Set{Include: []string{"*.xml", "a/[a-c]?"}}).Check(); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"[", "", `a\`, strings.Repeat("x", 256)} {
		for _, set := range []glob.Set{{Include: []string{"*", bad}}, {Exclude: []string{bad}}} {
			if err := set.Check(); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	}
	if err := (glob.Set{Include: make([]string, 101)}).Check(); !fault.Is(err, fault.Invalid) {
		t.Errorf("too many: %v", err)
	}
}
