package poll_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/killpoint/killtest"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/visittest"
)

// TestChild is the process that dies: a gateway's inside that pays a visit.
func TestChild(t *testing.T) {
	if in, job := visittest.Child[poll.Job](t); in != nil {
		w := &world{in, t, job}
		w.visits(0)
	}
}

// The process is killed at every step. What comes after it takes every file once, and
// leaves there what should be left. The short form kills it at the second file only where
// a fetched one is deleted: nothing else can lose it. Of the two files that are objects of
// their own, both are gone on with only where the second is what it is killed at.
func TestKilledAnywhere(t *testing.T) {
	mortal := visittest.NewMortal(t)
	for _, way := range []struct {
		name  string
		after poll.After
		there string
	}{
		{"left", poll.After{}, "a.xml b.xml big.bin second.bin"},
		{"deleted", poll.After{Delete: true}, ""},
		{"moved", poll.After{Move: "done"}, "done/a.xml done/b.xml done/big.bin done/second.bin"},
	} {
		for _, point := range killtest.Points(t) {
			if way.name == "left" && point == "poll.removed" {
				continue
			}
			times := 1
			if way.after.Delete || os.Getenv("SEALGATE_LONG") != "" {
				times = 2
			}
			for nth := 1; nth <= times; nth++ {
				second := 100 << 10
				if nth > 1 {
					second = 9 << 20
				}
				at := fmt.Sprintf("%s:%d", point, nth)
				t.Run(way.name+" "+at, func(t *testing.T) {
					w := fetching(t, mortal.World(t, way.name+at, remotes.Pull))
					w.job.After = way.after
					w.Put("a.xml", []byte("a"))
					w.Put("b.xml", []byte("b"))
					w.Put("big.bin", remotetest.Bytes(9<<20, 1))
					w.Put("second.bin", remotetest.Bytes(second, 2))
					w.visits(0)
					visittest.Dies(t, &mortal, w.World, w.job, at)
					for range 2 {
						w.visits(time.Hour)
					}
					w.expect("in the end", "a.xml=a", "b.xml=b", "big.bin=9437184", fmt.Sprint("second.bin=", second))
					if there := w.There(); !slices.Equal(there, strings.Fields(way.there)) {
						t.Errorf("there are %q", there)
					}
					if err := w.SweepObjects(t.Context()); err != nil || w.Objects() != 2 {
						t.Errorf("%d objects, %v", w.Objects(), err)
					}
				})
			}
		}
	}
}
