package retention_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/retention"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

const (
	day   = 24 * time.Hour
	month = 30 * day
)

// machine is a wall clock and the time that really passes.
type machine struct {
	wall time.Time
	mono time.Duration
}

func newMachine() *machine {
	return &machine{wall: time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)}
}

// pass lets time pass, minute by minute for a clock that looks at it.
func (m *machine) pass(d time.Duration, looks ...*retention.Clock) {
	for d > 0 {
		step := min(d, time.Minute)
		m.wall, m.mono, d = m.wall.Add(step), m.mono+step, d-step
		for _, c := range looks {
			c.Trusted()
		}
	}
}

func (m *machine) set(d time.Duration) { m.wall = m.wall.Add(d) }

// start is a new process on this machine.
func (m *machine) start(t *testing.T, cat *catalog.Catalog) *retention.Clock {
	t.Helper()
	born := m.mono
	c := retention.NewClock(cat, func() time.Time { return m.wall }, func() time.Duration { return m.mono - born }, slog.New(slog.DiscardHandler))
	if err := c.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// stop ends a process in order: it has stored what it saw.
func stop(t *testing.T, c *retention.Clock) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func wantTrust(t *testing.T, what string, c *retention.Clock, want bool) {
	t.Helper()
	trusted, d := c.Trusted()
	if trusted != want || (d.Why == "") != want {
		t.Errorf("%s: trusted %v, %q", what, trusted, d.Why)
	}
	now, err := c.Now()
	if (err == nil) != want || (!want && (!fault.Is(err, fault.TryLater) || !now.IsZero())) {
		t.Errorf("%s: now %v, %v", what, now, err)
	}
}

func TestASteadyClockIsTrusted(t *testing.T) {
	m, cat := newMachine(), catalogtest.Open(t)
	c := m.start(t, cat)
	wantTrust(t, "at first", c, true)
	m.pass(3*day, c)
	wantTrust(t, "after three days", c, true)
	m.set(4 * time.Minute)
	wantTrust(t, "put right by minutes", c, true)
	m.set(-6 * time.Minute)
	wantTrust(t, "and back", c, true)
	stop(t, c)
	m.pass(6 * day)
	wantTrust(t, "started again after six days", m.start(t, cat), true)
}

func TestAJumpWhileRunning(t *testing.T) {
	for what, jump := range map[string]time.Duration{
		"30 days forward": month, "3 days back": -3 * day, "6 minutes forward": 6 * time.Minute, "6 minutes back": -6 * time.Minute,
	} {
		m, cat := newMachine(), catalogtest.Open(t)
		c := m.start(t, cat)
		m.pass(day, c)
		m.set(jump)
		wantTrust(t, what, c, false)
		_, d := c.Trusted()
		if !d.Since.Equal(m.wall) || !d.Until.Equal(m.wall.Add(day)) || !strings.Contains(d.Why, "jumped") {
			t.Errorf("%s: %+v", what, d)
		}
		m.pass(day-time.Minute, c)
		wantTrust(t, what+", nearly a day later", c, false)
		m.pass(time.Minute, c)
		wantTrust(t, what+", a day later", c, true)
	}
}

// Many small steps are one large one.
func TestACreepingClock(t *testing.T) {
	m := newMachine()
	c := m.start(t, catalogtest.Open(t))
	for range 6 {
		m.pass(time.Hour, c)
		m.set(time.Minute)
	}
	wantTrust(t, "six times a minute", c, false)
}

// A jump and its repair are two jumps: the day begins anew.
func TestJumpedAndPutRight(t *testing.T) {
	m := newMachine()
	c := m.start(t, catalogtest.Open(t))
	m.set(month)
	m.pass(23*time.Hour, c)
	m.set(-month)
	wantTrust(t, "put right", c, false)
	m.pass(2*time.Hour, c)
	wantTrust(t, "two hours after the repair", c, false)
	m.pass(22*time.Hour, c)
	wantTrust(t, "a day after the repair", c, true)
}

func TestAJumpWhileStopped(t *testing.T) {
	for what, jump := range map[string]time.Duration{"30 days forward": month, "3 days back": -3 * day, "an hour back": -time.Hour} {
		m, cat := newMachine(), catalogtest.Open(t)
		c := m.start(t, cat)
		m.pass(day, c)
		stop(t, c)
		m.set(jump)
		m.pass(time.Minute)
		c = m.start(t, cat)
		wantTrust(t, what, c, false)
		m.pass(day-time.Minute, c)
		wantTrust(t, what+", nearly a day later", c, false)
		m.pass(time.Minute, c)
		wantTrust(t, what+", a day later", c, true)
		stop(t, c)
		wantTrust(t, what+", once more", m.start(t, cat), true)
	}
}

// A doubt outlives the process, and so does what was steady of its day. Killed, the
// process has stored what it saw at most a minute before.
func TestADoubtOutlivesTheProcess(t *testing.T) {
	m, cat := newMachine(), catalogtest.Open(t)
	c := m.start(t, cat)
	m.set(month)
	wantTrust(t, "jumped", c, false)
	m.pass(20*time.Hour, c)
	since := m.wall.Add(-20 * time.Hour)
	stop(t, c)
	m.pass(time.Hour) // does not count: nobody looked
	c = m.start(t, cat)
	wantTrust(t, "started again", c, false)
	if _, d := c.Trusted(); !d.Since.Equal(since) || !d.Until.Equal(m.wall.Add(4*time.Hour)) {
		t.Errorf("%+v at %s", d, m.wall)
	}
	m.pass(4*time.Hour, c)
	wantTrust(t, "a day of running", c, true)
}

// Summer time, or another zone, is no jump; nor is what Go's times carry with them.
func TestZonesDoNotMatter(t *testing.T) {
	m, cat := newMachine(), catalogtest.Open(t)
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		t.Fatal(err)
	}
	m.wall = m.wall.In(zone)
	c := m.start(t, cat)
	m.pass(day, c) // over the night of 29 March
	m.wall = m.wall.In(time.FixedZone("elsewhere", -9*3600))
	wantTrust(t, "elsewhere", c, true)
	stop(t, c)
	wantTrust(t, "started again there", m.start(t, cat), true)

	real := retention.NewClock(cat, time.Now, func() time.Duration { return 0 }, slog.New(slog.DiscardHandler))
	if err := real.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The stored time is of another year than the real one's, which has a monotonic part.
	wantTrust(t, "the real clock against a stored time", real, false)
}

func TestWhatIsStoredCannotBeRead(t *testing.T) {
	m, cat := newMachine(), catalogtest.Open(t)
	catalogtest.Update(t, cat, func(tx *catalog.Tx) error { return tx.SetSetting("clock", "{") })
	wantTrust(t, "damaged", m.start(t, cat), false)
}

// A catalog that cannot be written does not make the clock trusted.
func TestTheClockCannotBeStored(t *testing.T) {
	m := newMachine()
	cat, faults := catalogtest.OpenFaulty(t)
	c := m.start(t, cat)
	m.set(month)
	faults.FullNext()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ctx); !fault.Is(err, fault.Full) {
		t.Errorf("%v", err)
	}
	wantTrust(t, "not stored", c, false)
	faults.FullNext()
	wantTrust(t, "started with a full disk", m.start(t, cat), false)
}

func TestGuardedJobsWait(t *testing.T) {
	m, cat := newMachine(), catalogtest.Open(t)
	c := m.start(t, cat)
	account := catalogtest.Account(t, cat, "acme").ID
	done := 0
	handle := c.Guard(func(ctx context.Context, job *catalog.Job) error {
		done++
		return cat.Update(ctx, func(tx *catalog.Tx) error { return tx.FinishJob(job) })
	})
	run := func() error {
		var jobs []*catalog.Job
		catalogtest.Update(t, cat, func(tx *catalog.Tx) (err error) {
			jobs, err = tx.LeaseJobs("k", "w", m.wall, time.Minute, 1)
			return err
		})
		if len(jobs) == 0 {
			return errors.New("no job is due")
		}
		return handle(t.Context(), jobs[0])
	}
	catalogtest.Update(t, cat, func(tx *catalog.Tx) error {
		return tx.AddJob(&catalog.Job{Kind: "k", Account: account, RunAt: m.wall.Add(20 * day)})
	})
	if run() == nil {
		t.Fatal("a job before its time")
	}
	m.set(month)
	if err := run(); err != nil || done != 0 {
		t.Fatalf("in doubt: %d done, %v", done, err)
	}
	if run() == nil {
		t.Error("the job is due at once again")
	}
	m.pass(day, c)
	if err := run(); err != nil || done != 1 {
		t.Errorf("trusted again: %d done, %v", done, err)
	}
}
