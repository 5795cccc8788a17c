package campaign

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

const (
	robots    = 8
	readyBar  = 2 * time.Second
	settleBar = 3 * time.Minute
)

// TestCampaignCrash kills the gateway at random moments under robots that send
// files in all the ways that clients do. What was acknowledged is there exactly
// once, what was not is no file, and every start is quick.
func TestCampaignCrash(t *testing.T) {
	began := time.Now()
	r := lots(t)
	g := newGateway(t, "")
	crew := hire(g, r, robots)
	rounds := pick(10, 500)
	var slowest time.Duration
	slow := 0
	for range rounds {
		var work sync.WaitGroup
		for _, b := range crew {
			work.Go(b.work)
		}
		// Most kills come while files arrive, a few while the next start
		// is still reading what the last one left.
		pause(time.Duration(r.Int64N(int64(1200 * time.Millisecond))))
		if r.IntN(6) == 0 {
			g.stop()
		} else {
			g.kill()
		}
		work.Wait()
		if r.IntN(10) == 0 {
			g.launch()
			pause(time.Duration(r.Int64N(int64(150 * time.Millisecond))))
			g.kill()
		}
		took, again := startInTime(g)
		slowest, slow = max(slowest, took), slow+again
		for _, b := range crew {
			b.lookAfterCrash()
		}
	}
	for _, b := range crew {
		b.finish()
	}
	files := examine(g, crew)
	t.Logf("%d rounds, %d files, slowest start %v (%d over %v), %v in all", rounds, files, slowest, slow, readyBar, time.Since(began).Round(time.Second))
}

// startInTime starts the gateway and wants it ready in time. Where other work on
// this machine was in the way, a start from the same state is quick, or one that has
// nothing to look after is slow, too: only three slow ones in a row, beside a quick one
// of that kind, are the gateway's own fault.
func startInTime(g *gateway) (took time.Duration, slow int) {
	g.t.Helper()
	for {
		last := g.start()
		took = max(took, last)
		if last <= readyBar {
			return took, slow
		}
		if slow++; slow == 3 {
			if idle := newGateway(g.t, "").took; last > 4*idle {
				g.t.Errorf("three starts in a row took up to %v, more than %v; of a new gateway it takes %v", took, readyBar, idle)
			}
			return took, slow
		}
		g.kill()
	}
}

// hire makes robots; half of them work for an account that keeps, half for one
// that deletes.
func hire(g *gateway, r *rand.Rand, n int) []*robot {
	g.t.Helper()
	g.account("keeper", "keep")
	g.account("eraser", "delete")
	var crew []*robot
	for i := range n {
		b := &robot{g: g, account: []string{"keeper", "eraser"}[i%2], user: fmt.Sprintf("robot-%d", i), rng: rand.New(rand.NewPCG(r.Uint64(), uint64(i)))}
		g.login(b.account, b.user)
		crew = append(crew, b)
	}
	return crew
}

// examine compares what is on record with what the robots know, in the end.
// It returns the number of files.
func examine(g *gateway, crew []*robot) int {
	g.t.Helper()
	g.settle(settleBar)
	onRecord := map[string][]record{}
	for _, rec := range g.files() {
		onRecord[rec.Name] = append(onRecord[rec.Name], rec)
	}
	refused := 0
	for _, b := range crew {
		for _, d := range b.done {
			list := onRecord[d.name]
			delete(onRecord, d.name)
			if len(list) != 1 {
				g.t.Errorf("%s (%s, sent %d times) is on record %d times: %+v", d.name, d.how, d.tries, len(list), list)
				continue
			}
			d.compare(g.t, list[0])
			if list[0].State == "refused" {
				refused++
			}
		}
	}
	for name, list := range onRecord {
		g.t.Errorf("%s was never acknowledged and is a file: %+v", name, list)
	}
	compareAnswers(g, refused)
	comparePayments(g, crew)
	for _, b := range crew {
		b.fetchKept()
	}
	g.must("audit", "verify")
	g.stop()
	return checkStores(g)
}

// compareAnswers wants one answer in the outboxes for every refused file.
func compareAnswers(g *gateway, refused int) {
	g.t.Helper()
	var answers []record
	g.mustJSON(&answers, "file", "ls", "--limit", "0", "--direction", "out")
	seen := map[string]int{}
	for _, a := range answers {
		seen[a.Name]++
		if a.Source != "gateway" || a.State != "waiting" {
			g.t.Errorf("an answer that does not wait: %+v", a)
		}
	}
	if len(seen) != refused || len(answers) != refused {
		g.t.Errorf("%d answers to %d refused files, under %d names", len(answers), refused, len(seen))
	}
}

// comparePayments wants every payment to be found once.
func comparePayments(g *gateway, crew []*robot) {
	g.t.Helper()
	want := map[string]int{}
	for _, b := range crew {
		for _, d := range b.done {
			want[b.account] += max(0, d.payments)
		}
	}
	for account, n := range want {
		var found struct {
			Total int  `json:"total"`
			Exact bool `json:"total_is_exact"`
		}
		g.mustJSON(&found, "payment", "ls", account, "--limit", "1")
		if found.Total != n && found.Exact || found.Total > n {
			g.t.Errorf("%s: %d payments are found, %d were sent", account, found.Total, n)
		}
	}
}
