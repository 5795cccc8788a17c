package push_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sealgate/internal/killpoint/killtest"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/push"
	"sealgate/internal/transfer/remote/visittest"
)

// TestChild is the process that dies: a gateway's inside that pays a visit.
func TestChild(t *testing.T) {
	if in, job := visittest.Child[push.Job](t); in != nil {
		w := &world{in, t, job}
		w.visits(0)
	}
}

// The process is killed at every step, and the customer takes his files away as soon as
// they have their names, or leaves them. Each arrives once. Of one that he takes before
// it is on record that it lay there, somebody has to say that it was delivered.
func TestKilledAnywhere(t *testing.T) {
	mortal := visittest.NewMortal(t)
	for _, fetches := range []bool{false, true} {
		for _, point := range killtest.Points(t) {
			for nth := 1; nth <= 2; nth++ {
				at := fmt.Sprintf("%s:%d", point, nth)
				name := fmt.Sprintf("%s fetched %v", at, fetches)
				t.Run(name, func(t *testing.T) {
					w := leaving(t, mortal.World(t, name, remotes.Push))
					w.send("a.xml", "one")
					w.send("b.xml", strings.Repeat("x", 300_000))
					visittest.Dies(t, &mortal, w.World, w.job, at)
					var got []string
					if fetches {
						got = w.fetch()
					}
					w.visits(0)
					got = append(got, w.fetch()...)
					slices.Sort(got)
					if fetches && point == "push.renamed" && w.waits() == 1 {
						w.byHand()
					}
					if !slices.Equal(got, []string{"a.xml=one", "b.xml=300000"}) || w.waits() != 0 || len(w.there()) != 0 {
						t.Errorf("the customer got %q, %d wait, left there: %q", got, w.waits(), w.there())
					}
				})
			}
		}
	}
}
