package browsertest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"sealgate/internal/npmtest"
)

// violation is one rule of axe that a page breaks.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ HTML, FailureSummary string }
}

// Accessible puts the page before axe-core. What it finds serious or critical under
// WCAG 2.2 AA fails the test.
func (p *Page) Accessible() {
	p.b.t.Helper()
	_, here, _, _ := runtime.Caller(0)
	modules := npmtest.Install(p.b.t, filepath.Join(filepath.Dir(here), "testdata", "axe"))
	axe, err := os.ReadFile(filepath.Join(modules, "axe-core", "axe.min.js"))
	if err != nil {
		p.b.t.Fatal(err)
	}
	if p.how.noScript { // the page's own scripts have had their time
		p.scripts(true)
		defer p.scripts(false)
	}
	found := Eval[[]violation](p, string(axe)+`;
		axe.run(document, {
			resultTypes: ["violations"],
			runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
		}).then(result => result.violations.map(v => ({
			ID: v.id, Impact: v.impact, Help: v.help,
			Nodes: v.nodes.map(n => ({HTML: n.html, FailureSummary: n.failureSummary})),
		})))`)
	for _, v := range found {
		var where strings.Builder
		for _, n := range v.Nodes {
			fmt.Fprintf(&where, "\n  %.300s\n    %s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n    "))
		}
		say := p.b.t.Logf
		if v.Impact == "serious" || v.Impact == "critical" {
			say = p.b.t.Errorf
		}
		say("%s: axe: %s (%s): %s%s", p.Path(), v.ID, v.Impact, v.Help, where.String())
	}
}
