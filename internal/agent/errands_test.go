package agent

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealgate/internal/account/agents"
	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/home"
	"sealgate/internal/connect"
)

// The gateway hears from an agent that has fetched for an hour, too.
func TestHeartbeatsGoOnWhileSomethingIsFetched(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.o.Beat, d.o.Look = 5*time.Millisecond, time.Hour
	dir := d.withOutbox(home.Opened)
	d.answer("camt.053.xml", []byte("answer"))
	var beats atomic.Int64
	g.Fates(func(r *http.Request) agenttest.Fate {
		if r.URL.Path == connect.PathHeartbeat {
			beats.Add(1)
		}
		return agenttest.Through
	})
	d.fetches.Lock() // as while a large file comes
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for beats.Load() < 5 {
		<-tick.C
	}
	d.fetches.Unlock()
	for d.waiting() > 0 {
		<-tick.C
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	d.only(dir, "camt.053.xml", []byte("answer"))
}

// The weekly check tells what it found from what kept it from looking.
func TestTheWeeklyCheckOfKeptFiles(t *testing.T) {
	g, key := agenttest.NewCustomer(t)
	d := newDesk(t, g, g.Plain.URL)
	d.write("pay.xml", []byte("content"))
	d.mustWork()
	g.Keep(g.Taken()[0])
	d.o.Access = key
	d.restart()
	check := func() (checked int, failed []string, trouble string) {
		t.Helper()
		if err := d.BeatOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		s, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s.Check == nil {
			return 0, nil, "not checked"
		}
		return s.Check.Checked, s.Check.Failed, s.Check.Trouble
	}
	// What is not signed says nothing about files: it is asked again.
	g.Fates(func(r *http.Request) agenttest.Fate {
		if strings.HasPrefix(r.URL.Path, connect.PathKept) {
			return agenttest.Mangled
		}
		return agenttest.Through
	})
	if n, failed, trouble := check(); trouble != "not checked" {
		t.Errorf("over a way that changes answers: %d, %v, %q", n, failed, trouble)
	}
	g.Fates(nil)
	if n, failed, trouble := check(); n != 1 || len(failed) != 0 || trouble != "" {
		t.Errorf("%d, %v, %q", n, failed, trouble)
	}
	g.Clock.Add(8 * 24 * time.Hour)
	d.o.Access = otherKey(t)
	d.restart()
	if n, failed, _ := check(); n != 1 || len(failed) != 1 {
		t.Errorf("with another key: %d, %v", n, failed)
	}
	g.Clock.Add(8 * 24 * time.Hour)
	may := []connect.Right{connect.RightSend}
	if _, err := g.Agents.Set(t.Context(), "operator:test", "acme", d.enrolment.Agent.String(), agents.Change{May: &may}); err != nil {
		t.Fatal(err)
	}
	n, _, trouble := check()
	s, err := d.Status(t.Context())
	if err != nil || n != 0 || trouble == "" || !strings.Contains(strings.Join(s.Troubles(), " "), trouble) {
		t.Errorf("without the right: %d, %q, %v", n, trouble, err)
	}
}
