package remotes_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remotes"
)

// One server under many names has as many visits at a time as under one; who has to
// wait for his turn has not failed.
func TestManyNamesOfOneServer(t *testing.T) {
	began, release := make(chan string, 8), make(chan struct{})
	d := open(t, func(o *remotes.Options) {
		o.PerHost, o.PerAccount = 2, 8
		o.Connect = func(_ context.Context, t remotes.Target) (remote.Session, error) {
			return nil, t.Reach(netip.MustParseAddr("192.0.2.1"))
		}
	})
	d.does(func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
		if _, err := v.Connect(ctx); err != nil {
			return remotes.Result{}, err
		}
		began <- v.Name
		<-release
		return remotes.Result{}, nil
	})
	for i := range 4 {
		d.add(pull(fmt.Sprintf("r%d", i), fmt.Sprintf("a%d.evil.example", i)))
	}
	if err := d.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-began
	<-began
	var waiting *remotes.Remote
	for waits := 0; waits < 2; { // the other two end by themselves
		waits = 0
		for i := range 4 {
			if r := d.find(fmt.Sprintf("r%d", i)); r.Lease.Holder == "" {
				waiting = r
				waits++
			}
		}
	}
	if h := waiting.Health; h.Failures != 0 || h.Error != "" || !h.LastRun.IsZero() || waiting.NextRun.After(d.Clock.Now()) {
		t.Errorf("one that had no turn: %+v, next %v", h, waiting.NextRun)
	}
	if runs, err := d.Runs(t.Context(), "acme", waiting.Name, 9); err != nil || len(runs) != 0 {
		t.Errorf("runs of one that had no turn: %+v, %v", runs, err)
	}
	if got := d.visited(); len(got) != 4 {
		t.Errorf("visits to %v", got)
	}
	if err := d.Round(t.Context()); err != nil || len(d.visited()) != 0 {
		t.Errorf("who was there in vain sets out again before there is a place, %v", err)
	}
	soon, stop := context.WithTimeout(t.Context(), time.Millisecond)
	defer stop()
	_, err := d.Start(soon, "test", "acme", waiting.Name)
	wantKind(t, "by hand", err, fault.TryLater)
	d.add(pull("new", "new.evil.example"))
	run, err := d.Start(t.Context(), "test", "acme", "new")
	if err != nil {
		t.Fatal(err)
	}
	if run, err = d.WaitFor(t.Context(), "acme", "new", run.ID, time.Minute); err != nil || run.Outcome != table.RunCut || !strings.Contains(run.Message, "no turn") {
		t.Errorf("by hand, where nobody knows where that is: %+v, %v", run, err)
	}
	close(release)
	d.Service.Wait()
	d.visited()
	if got := append(d.round(), d.round()...); len(got) != 3 {
		t.Errorf("afterwards visits to %v", got)
	}
}

// A place that is given back is taken by who waits for it, at once and not at the next
// look a second later.
func TestAPlaceIsGivenOnAtOnce(t *testing.T) {
	const n = 60
	for what, host := range map[string]string{"one host": "h1", "many names of one address": "h%d"} {
		began := make(chan bool, n)
		d := open(t, func(o *remotes.Options) {
			o.PerHost, o.PerAccount = 1, 8
			o.Connect = func(_ context.Context, t remotes.Target) (remote.Session, error) {
				return nil, t.Reach(netip.MustParseAddr("192.0.2.1"))
			}
		})
		d.does(func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
			if _, err := v.Connect(ctx); err != nil {
				return remotes.Result{}, err
			}
			began <- true
			return remotes.Result{}, nil
		})
		for i := range n {
			name := fmt.Sprintf("r%d", i)
			d.add(pull(name, strings.ReplaceAll(host, "%d", name)))
		}
		ctx, stop := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- d.Run(ctx) }()
		soon := 0
		for range n {
			before := time.Now()
			<-began
			if time.Since(before) < time.Second/2 {
				soon++
			}
		}
		if soon < n/2 { // not all: the machine may have stood still
			t.Errorf("%s: of %d visits only %d began soon after the one before", what, n, soon)
		}
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}
}

// trickle is a server that takes its time for each byte.
type trickle struct {
	remote.Session
	wait func()
}

func (s trickle) Open(context.Context, string, int64) (*remote.File, error) {
	return &remote.File{ReadCloser: io.NopCloser(s)}, nil
}

func (s trickle) Read(b []byte) (int, error) {
	s.wait()
	b[0] = 'x'
	return 1, nil
}

func (trickle) Close() error { return nil }

func TestAServerThatHoldsAVisitIsLeft(t *testing.T) {
	var d *desk
	d = open(t, func(o *remotes.Options) {
		o.Connect = func(context.Context, remotes.Target) (remote.Session, error) {
			return trickle{wait: func() { d.Clock.Add(29 * time.Second) }}, nil
		}
	})
	d.does(func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
		s, err := v.Connect(ctx)
		if err != nil {
			return remotes.Result{}, err
		}
		f, err := s.Open(ctx, "a", 0)
		if err != nil {
			return remotes.Result{}, err
		}
		_, err = io.Copy(io.Discard, f)
		return remotes.Result{}, err
	})
	d.add(pull("bank", "h1"))
	d.round()
	runs, err := d.Runs(t.Context(), "acme", "bank", 1)
	if err != nil || len(runs) != 1 || runs[0].Error != "too-slow" || !strings.Contains(runs[0].Message, "less than 64 KiB a minute") {
		t.Fatalf("%+v, %v", runs, err)
	}
	if took := runs[0].EndedAt.Sub(runs[0].BeganAt); took > 6*time.Minute {
		t.Errorf("it held its place for %v", took)
	}
}

// A panic over what one server has sent ends that visit.
func TestAPanicEndsOneVisit(t *testing.T) {
	d := open(t)
	d.add(pull("bad", "h1"))
	d.add(pull("good", "h2"))
	d.does(func(_ context.Context, v remotes.Visit) (remotes.Result, error) {
		if v.Name == "bad" {
			panic(errors.New("a name of utbetalningar"))
		}
		return remotes.Result{Files: 1}, nil
	})
	d.round()
	r := d.find("bad")
	if r.Lease.Holder != "" || r.Health.Failures != 1 || r.Health.Error != "internal" || !r.NextRun.After(d.Clock.Now()) {
		t.Errorf("lease %+v, health %+v", r.Lease, r.Health)
	}
	runs, err := d.Runs(t.Context(), "acme", "bad", 9)
	if err != nil || len(runs) != 1 || runs[0].Outcome != table.RunFailed || !strings.Contains(runs[0].Message, "fault of the gateway") {
		t.Errorf("%+v, %v", runs, err)
	}
	if d.find("good").Health.LastFile.IsZero() {
		t.Error("the other one was not visited")
	}
	if log := d.logs.String(); !strings.Contains(log, "bounds_test.go") || strings.Contains(log, "utbet") {
		t.Errorf("log %s", log)
	}
	d.visited()
	d.Clock.Add(time.Minute)
	if got := d.round(); len(got) == 0 || got[0] != "bad" {
		t.Errorf("it is not visited again: %v", got)
	}
}

// A file that changes at every look does not make a visit at night one every half minute,
// all day.
func TestAFileThatNeverStaysAsItIs(t *testing.T) {
	for _, c := range []struct {
		what string
		set  func(*remotes.Settings)
		most int
	}{
		{"every night", func(s *remotes.Settings) { s.Cron = "30 2 * * *" }, 24},
		{"every six hours", func(s *remotes.Settings) { s.Every = 6 * time.Hour }, 40},
		{"every five minutes", func(*remotes.Settings) {}, 288 * 4},
	} {
		d := open(t)
		n := pull("bank", "h1")
		c.set(&n.Settings)
		d.add(n)
		var at []time.Time
		d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
			at = append(at, d.Clock.Now())
			return remotes.Result{Again: d.Clock.Now().Add(30 * time.Second)}, nil
		})
		d.round() // when it was added
		if at[0] = d.find("bank").NextRun; at[0].Sub(d.Clock.Now()) != 30*time.Second {
			t.Errorf("%s: it is looked at again after %v", c.what, at[0].Sub(d.Clock.Now()))
		}
		first := d.Clock.Now()
		at = nil
		for d.Clock.Now().Sub(first) < 24*time.Hour {
			d.Clock.Add(d.find("bank").NextRun.Sub(d.Clock.Now()))
			d.round()
		}
		if len(at) > c.most {
			t.Errorf("%s: %d visits a day", c.what, len(at))
		}
		r := d.find("bank")
		schedule, err := r.Settings.Schedule(table.Pull)
		if err != nil {
			t.Fatal(err)
		}
		for planned := schedule.Next(first, first); planned.Before(first.Add(23 * time.Hour)); planned = schedule.Next(planned, planned) {
			var met bool
			for _, v := range at {
				met = met || v.Equal(planned)
			}
			if !met {
				t.Fatalf("%s: no visit at %v, but %v", c.what, planned, at[:min(len(at), 20)])
			}
		}
	}
}

// A file that is finished soon after a visit is fetched soon after, and so is one at a
// server that was away when the visit was due.
func TestAFileThatIsFinishedSoon(t *testing.T) {
	d := open(t)
	n := pull("bank", "h1")
	n.Settings.Cron = "30 2 * * *"
	d.add(n)
	d.round()
	night := d.find("bank").NextRun
	d.Clock.Add(night.Sub(d.Clock.Now()))
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) { return remotes.Result{}, remote.ErrCut })
	d.round()
	away := d.find("bank").NextRun
	d.Clock.Add(20 * time.Hour)
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		return remotes.Result{Again: d.Clock.Now().Add(30 * time.Second)}, nil
	})
	d.round()
	r := d.find("bank")
	if again := r.NextRun.Sub(d.Clock.Now()); away.Sub(night) > time.Minute || again != 30*time.Second {
		t.Errorf("away: next after %v; there again: after %v", away.Sub(night), again)
	}
	d.Clock.Add(30 * time.Second)
	d.does(nil)
	d.round()
	if next := d.find("bank").NextRun; next.Sub(night) != 24*time.Hour {
		t.Errorf("next %v after the night of %v", next, night)
	}
}

// A remote that is removed while it is visited is gone, and so is its secret; what the
// visit still does counts for nothing and nobody.
func TestARemoteIsRemovedWhileItIsVisited(t *testing.T) {
	d := open(t)
	r := d.add(pull("bank", "h1"))
	began := make(chan struct{})
	var wrote error
	d.does(func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
		close(began)
		<-ctx.Done()
		wrote = d.Catalog.Update(context.WithoutCancel(ctx), func(tx *catalog.Tx) error { return tx.HoldsRemote(v.Remote, v.Fence) })
		return remotes.Result{Files: 1}, ctx.Err()
	})
	if err := d.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-began
	if err := d.Remove(t.Context(), "test", "acme", "bank"); err != nil {
		t.Fatal(err)
	}
	d.Service.Wait()
	if wrote == nil {
		t.Error("the visit could still write")
	}
	if _, err := d.Keys.AccountSecret(d.Acme.ID, "remote", r.ID); err == nil {
		t.Error("its secret is still there")
	}
	catalogtest.View(t, d.Catalog, func(tx *catalog.Tx) error {
		if runs, err := tx.RemoteRuns(r.ID, 9); err != nil || len(runs) != 0 {
			t.Errorf("runs %v %v", runs, err)
		}
		return nil
	})
	if log := d.logs.String(); strings.Contains(log, "ERROR") {
		t.Errorf("log %s", log)
	}
	// The name is free, and its places are.
	d.does(nil)
	d.visited()
	d.add(pull("bank", "h1"))
	same(t, "visits", d.round(), []string{"bank"})
}
