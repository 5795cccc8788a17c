package agent

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/connect"
)

// What the gateway cannot open is sealed anew, once, and then arrives.
func TestWhatDoesNotOpenThereIsSealedAnew(t *testing.T) {
	for _, at := range []string{connect.PathWhole, "/parts", "/commit"} {
		g := agenttest.New(t)
		d := newDesk(t, g, g.Plain.URL)
		d.o.Settings.Folders[0].After = home.Delete
		d.restart()
		content := random(100_000)
		if at != connect.PathWhole {
			content = random(9 << 20)
		}
		d.write("pay.xml", content)
		refused := 0
		g.Fates(func(r *http.Request) agenttest.Fate {
			if strings.HasSuffix(r.URL.Path, at) && refused == 0 {
				refused++
				return agenttest.Damaged
			}
			return agenttest.Through
		})
		d.mustWork()
		if refused != 1 {
			t.Errorf("%s: refused %d times", at, refused)
		}
		d.has(content)
		if left := d.left(); len(left) != 0 {
			t.Errorf("%s: %v stayed", at, left)
		}
	}
}

// Refused again and again, the file stays, is not sent again and again, holds up no
// other, and people are told.
func TestWhatNeverOpensThereIsParked(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.o.Settings.Folders[0].After = home.Delete
	d.o.Look = 20 * time.Millisecond
	d.restart()
	d.write("bad.xml", random(3<<20))
	if err := d.LookOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused := 0
	g.Fates(func(r *http.Request) agenttest.Fate {
		if strings.HasSuffix(r.URL.Path, "/commit") {
			refused++
			return agenttest.Damaged
		}
		return agenttest.Through
	})
	run := func(until func() bool) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for !until() {
			select {
			case <-tick.C:
			case err := <-ended:
				t.Fatal(err)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	bad := func() *journal.Delivery {
		all, err := d.Journal().Open(t.Context(), 0, 10)
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		return all[0]
	}
	run(func() bool { return bad().Tries > 0 })
	if p := bad(); !p.Parked() || p.Code != string(connect.Damaged) || !strings.Contains(p.Sentence, "could not open") || refused != 2 {
		t.Errorf("%+v, refused %d times", p, refused)
	}
	s, err := d.Status(t.Context())
	if err != nil || len(s.Files) != 1 || !s.Files[0].Again.IsZero() || s.Files[0].Why == "" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, later := range []time.Duration{time.Minute, 3 * time.Hour, 400 * 24 * time.Hour} {
		now := d.Now().Add(later)
		if due, err := d.Journal().Due(t.Context(), now, nil, nil, 10); err != nil || len(due) != 0 || bad().Due(now) {
			t.Errorf("due after %v: %v, %v", later, due, err)
		}
	}
	if next, err := d.Journal().Next(t.Context(), d.Now()); err != nil || !next.IsZero() {
		t.Errorf("the queue waits for %v, %v", next, err)
	}
	if left := d.left(); len(left) != 1 {
		t.Errorf("%v", left)
	}
	if len(g.Taken()) != 0 {
		t.Errorf("%d files were taken", len(g.Taken()))
	}
	// It has its turn again when the gateway was started anew, and once a day.
	beat := func() {
		t.Helper()
		if err := d.BeatOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	beat()
	d.parkAgain(bad())
	for _, change := range []func(){g.StartAnew, func() { g.Clock.Add(25 * time.Hour) }} {
		if beat(); !bad().Parked() {
			t.Error("it has another try at each pulse")
		}
		change()
		if beat(); !bad().Due(d.Now()) || bad().Parked() {
			t.Error("it has no other try")
		}
		d.parkAgain(bad())
	}
	// Started anew, with what was wrong mended, it goes.
	d.restart()
	g.Fates(nil)
	run(func() bool { return len(g.Taken()) == 1 && len(d.left()) == 0 })
	// A person who sends it by hand and waits is told, and not kept waiting for ever.
	g.Fates(func(r *http.Request) agenttest.Fate {
		if r.URL.Path == connect.PathWhole {
			return agenttest.Damaged
		}
		return agenttest.Through
	})
	d.write("by-hand.xml", []byte("content"))
	if _, err := d.SendNow(t.Context(), []string{d.folder + "/by-hand.xml"}, true); err == nil || !strings.Contains(err.Error(), "could not open") {
		t.Error(err)
	}
}

func (d *desk) parkAgain(p *journal.Delivery) {
	d.t.Helper()
	if err := d.Journal().Park(d.t.Context(), p.Seq, p.Code, p.Sentence); err != nil {
		d.t.Fatal(err)
	}
}

// The account has another certificate than the one that is known here: sealed for it,
// the file arrives at the first try.
func TestAfterANewCertificateFilesAreSealedForIt(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.write("first.xml", []byte("first"))
	d.mustWork()
	for _, content := range [][]byte{[]byte("small"), random(3 << 20)} {
		if _, err := g.Keys.RenewCertificate(t.Context(), "test", g.Acme.ID); err != nil {
			t.Fatal(err)
		}
		before := len(g.Taken())
		d.write("pay.xml", content)
		d.mustWork()
		if len(g.Taken()) != before+1 {
			t.Errorf("%d bytes: %d files, there were %d", len(content), len(g.Taken()), before)
		}
	}
}
