package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/cli"
	"sealgate/internal/command"
	"sealgate/internal/custody"
	"sealgate/internal/index/paygen"
	"sealgate/internal/metrics"
	"sealgate/internal/store/catalog"
	"sealgate/internal/terminal"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/vpath"
)

const testDay = 24 * time.Hour

// clocked is a gateway as serve builds it, without its doors, on a clock that the
// test sets.
type clocked struct {
	*journey
	t    *testing.T
	dir  string
	set  atomic.Int64 // by how much the clock is off
	stop func()

	account *account.Account
	login   uuid.UUID
	seed    uint64
}

func newClocked(t *testing.T) *clocked {
	t.Helper()
	g := &clocked{t: t, dir: filepath.Join(t.TempDir(), "data")}
	a := g.program()
	if code := a.Run(t.Context(), a.root(), []string{"init", "--operator", "operator@example.com", "--data", g.dir}); code != 0 {
		t.Fatalf("init: exit code %d", code)
	}
	g.start()
	t.Cleanup(func() { g.stop() })
	var err error
	settings := account.Defaults()
	settings.KeepFor, settings.OutboxKeepFor = 30*testDay, 30*testDay
	g.account, err = g.accounts.AddAccount(t.Context(), "test", "acme", settings, account.KeyOptions{})
	g.check(err)
	login, _, err := g.accounts.AddLogin(t.Context(), "test", "acme", account.NewLogin{Username: "robot"})
	g.check(err)
	g.login = login.ID
	return g
}

func (g *clocked) program() *app {
	return &app{App: &cli.App{
		Program: command.Program{
			In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" },
			Now: func() time.Time { return time.Now().Add(time.Duration(g.set.Load())) },
		},
		Environ: func() []string { return nil }, Locale: terminal.Plain, Data: g.dir,
	}}
}

// start opens the data directory as serve does, and runs the jobs and the clock.
func (g *clocked) start() {
	g.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	a := g.program()
	cfg, err := a.settings("", nil)
	g.check(err)
	log := slog.New(slog.DiscardHandler)
	s, err := a.openStores(ctx, cfg, log, metrics.New())
	g.check(err)
	g.check(s.accounts.EnsureSystem(ctx))
	g.journey, err = a.journey(s, log, metrics.New(), nil)
	g.check(err)
	g.check(g.settle(ctx))
	var work sync.WaitGroup
	for _, run := range []func(context.Context) error{g.jobs.Run, g.clock.Run} {
		work.Go(func() { _ = run(ctx) })
	}
	g.stop = func() {
		cancel()
		work.Wait()
		s.close()
	}
}

func (g *clocked) check(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// file is one that came in and what it holds.
type file struct {
	id      uuid.UUID
	content []byte
}

// fresh is a payment file unlike any other of this test.
func (g *clocked) fresh() []byte {
	g.seed++
	var b bytes.Buffer
	_, err := paygen.Write(&b, paygen.Spec{Format: paygen.Pain001, Version: "09", Payments: 2, Batch: 2, Seed: g.seed})
	g.check(err)
	return b.Bytes()
}

// put sends a file and waits until it is in a state.
func (g *clocked) put(content []byte, state catalog.State) file {
	g.t.Helper()
	spec := intake.Spec{Account: g.account.ID, Login: g.login, Path: vpath.MustParse("/" + uuid.NewString() + ".xml"), Source: intake.SourceSFTP}
	arrival, err := g.in.Begin(g.t.Context(), spec)
	g.check(err)
	_, err = arrival.WriteAt(content, 0)
	g.check(err)
	f, err := arrival.Commit(g.t.Context())
	g.check(err)
	g.await(f.ID, state)
	return file{f.ID, content}
}

func (g *clocked) row(id uuid.UUID) (f *catalog.File) {
	g.t.Helper()
	g.check(g.catalog.View(g.t.Context(), func(tx *catalog.Tx) (err error) {
		f, err = tx.File(id)
		return err
	}))
	return f
}

func (g *clocked) await(id uuid.UUID, state catalog.State) {
	g.t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for range 3000 {
		if g.row(id).State == state {
			return
		}
		<-look.C
	}
	g.t.Fatalf("the file is %s, not %s", g.row(id).State, state)
}

// reads wants the gateway to open a file.
func (g *clocked) reads(files ...file) {
	g.t.Helper()
	for _, f := range files {
		row := g.row(f.id)
		body, err := g.contents.Open(g.t.Context(), row)
		if err != nil {
			g.t.Errorf("a file that is %s: %v", row.State, err)
			continue
		}
		var got bytes.Buffer
		if err := body.VerifyTo(g.t.Context(), &got); err != nil || !bytes.Equal(got.Bytes(), f.content) {
			g.t.Errorf("a file that is %s: %v, or other bytes", row.State, err)
		}
		body.Close()
	}
}

// round does what the gateway does from time to time; jobs run by themselves.
func (g *clocked) round() {
	g.t.Helper()
	g.check(g.custody.ChangeDay(g.t.Context()))
	g.retention.Round(g.t.Context())
}

// expiring is what the clock would end in time: kept and delivered files, a key that
// is to be removed; and a held file that only its grant opens.
type expiring struct {
	kept, held, delivered file
	key                   uuid.UUID
}

func (g *clocked) expiring() expiring {
	g.t.Helper()
	ctx := g.t.Context()
	var e expiring
	content := g.fresh()
	e.kept = g.put(content, catalog.Kept)
	e.held = g.put(content, catalog.Held)
	out := g.fresh()
	sent, err := g.out.Send(ctx, g.account.ID, "out.xml", bytes.NewReader(out), "test", "operator")
	g.check(err)
	g.await(sent.ID, catalog.Waiting)
	g.check(g.out.Delivered(ctx, sent.ID, "test"))
	e.delivered = file{sent.ID, out}
	list, err := g.custody.AccessKeys(ctx, g.account.ID)
	g.check(err)
	e.key = list[0].ID
	_, _, err = g.custody.ScheduleRemoval(ctx, "test", custody.Target{Account: g.account.ID, AccessKey: e.key}, "acme", 14*testDay)
	g.check(err)
	return e
}

// untouched wants nothing to have ended, and the gateway to work.
func (g *clocked) untouched(e expiring) {
	g.t.Helper()
	g.reads(e.kept, e.held, e.delivered)
	if keys := g.keys.IngestKeys(); len(keys) != 1 || keys[0].Day != g.app.Now().UTC().Format(time.DateOnly) {
		g.t.Errorf("the ingest keys are %v", keys)
	}
	list, err := g.custody.AccessKeys(g.t.Context(), g.account.ID)
	g.check(err)
	if len(list) != 1 || !list[0].RemovedAt.IsZero() {
		g.t.Errorf("the access key: %+v", list)
	}
	g.reads(g.put(g.fresh(), catalog.Kept))
}

// TestClockThatJumpsEndsNothing sets the clock of a running gateway forward and back
// by days and years, and of a stopped one: what is due by such a clock is not done,
// and files of before and of now open.
func TestClockThatJumpsEndsNothing(t *testing.T) {
	g := newClocked(t)
	e := g.expiring()
	for _, days := range []int{3, 45, -2, 400, -400, 20000, 0} {
		for _, stopped := range []bool{false, true} {
			t.Run(fmt.Sprintf("%+d days, stopped %v", days, stopped), func(t *testing.T) {
				g.t = t
				if stopped {
					g.stop()
				}
				g.set.Store(int64(days) * int64(testDay))
				if stopped {
					g.start()
				}
				g.round()
				g.untouched(e)
				if ok, doubt := g.clock.Trusted(); ok || doubt.Why == "" {
					t.Errorf("the clock is trusted: %+v", doubt)
				}
			})
		}
	}
}

// TestTimeThatPassesEndsWhatIsDue stops and starts the gateway every few days: what
// is due then is done, and not before.
func TestTimeThatPassesEndsWhatIsDue(t *testing.T) {
	g := newClocked(t)
	e := g.expiring()
	for days := 6; days <= 36; days += 6 {
		g.stop()
		g.set.Store(int64(days) * int64(testDay))
		g.start()
		g.round()
		list, err := g.custody.AccessKeys(t.Context(), g.account.ID)
		g.check(err)
		if removed := !list[len(list)-1].RemovedAt.IsZero(); removed != (days >= 14) {
			t.Errorf("after %d days the access key is removed: %v", days, removed)
		}
		if days < 14 {
			g.reads(e.kept, e.held, e.delivered)
		}
	}
	if f := g.row(e.kept.id); f.State != catalog.Erased {
		t.Errorf("after 36 days the kept file is %s", f.State)
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for tries := 0; g.row(e.delivered.id).Body.Kind != catalog.NoBody; tries++ {
		if tries == 3000 {
			t.Fatal("after 36 days the delivered file has its body")
		}
		<-look.C
	}
}
