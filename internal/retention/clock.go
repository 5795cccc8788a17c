package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// Bounds of trust in a clock.
const (
	lookEvery = time.Minute
	slack     = 5 * time.Minute    // by which the clock may be put right without anybody asking
	awayFor   = 7 * 24 * time.Hour // the longest time the gateway may be stopped for without a doubt
	steadyFor = 24 * time.Hour     // without a jump, after which a clock is trusted again
)

// Clock tells whether the wall clock can be trusted with what cannot be undone.
//
// While the gateway runs, wall time is compared with the time that has really
// passed; when the two part by more than 5 minutes, the clock has jumped. Over a stop
// nothing but the clock itself tells how long it was: a step back, and more than 7
// days, count as a jump. After a jump the clock is in doubt until it has run without
// another for 24 hours of the gateway's running. Time zones and summer time are no
// jumps: they change nothing in wall time as the gateway sees it.
//
// It is safe for concurrent use.
type Clock struct {
	catalog *catalog.Catalog
	wall    func() time.Time
	mono    func() time.Duration
	log     *slog.Logger

	mu     sync.Mutex // guards what follows
	wall0  time.Time  // the two times at one moment: at start, or after the last jump
	mono0  time.Duration
	doubt  Doubt
	steady time.Duration // ran without a jump before mono0, in the present doubt
}

// Doubt is why a clock is not trusted. The zero value is none.
type Doubt struct {
	Since time.Time // by the clock in doubt
	Until time.Time // it ends then, when the clock does not jump again
	Why   string    // a sentence for people
}

// NewClock returns a clock over wall time and the time since the process began, which
// nobody can set. Open has to come before any use.
func NewClock(cat *catalog.Catalog, wall func() time.Time, mono func() time.Duration, log *slog.Logger) *Clock {
	return &Clock{catalog: cat, wall: wall, mono: mono, log: log}
}

// clockSetting is where the clock as it was last seen is kept.
const clockSetting = "clock"

type clockSeen struct {
	Seen   time.Time     `json:"seen"`
	Since  time.Time     `json:"doubt_since,omitzero"`
	Why    string        `json:"doubt_why,omitempty"`
	Steady time.Duration `json:"steady,omitempty"`
}

// Open compares the clock with how it was when the gateway last ran.
func (c *Clock) Open(ctx context.Context) error {
	var text string
	err := c.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		text, err = tx.Setting(clockSetting)
		return err
	})
	if err != nil {
		return fault.Wrap(fault.Internal, "clock: open", err)
	}
	c.mu.Lock()
	now := c.begin()
	if text != "" {
		c.compare(now, text)
	}
	c.mu.Unlock()
	if err := c.save(ctx); err != nil { // a full disk: Run tries again
		c.log.Warn("the clock was not stored", "err", err)
	}
	return nil
}

// begin sets the two times beside each other. The caller holds mu.
func (c *Clock) begin() time.Time {
	c.wall0, c.mono0 = c.now(), c.mono()
	return c.wall0
}

// now is wall time alone: Go's times carry a reading of the monotonic clock with
// them, and two of them compared by it never show a jump.
func (c *Clock) now() time.Time { return c.wall().Round(0) }

// compare decides about the time that the gateway was stopped for. The caller holds mu.
func (c *Clock) compare(now time.Time, text string) {
	var last clockSeen
	if json.Unmarshal([]byte(text), &last) != nil {
		c.jumped(now, "what was stored about the clock cannot be read")
		return
	}
	switch away := now.Sub(last.Seen); {
	case away < -slack:
		c.jumped(now, fmt.Sprintf("the clock stands at %s, and the gateway has run at %s already", stamp(now), stamp(last.Seen)))
	case away > awayFor:
		c.jumped(now, fmt.Sprintf("the clock stands at %s, and the gateway has last run at %s", stamp(now), stamp(last.Seen)))
	case last.Why != "":
		c.doubt, c.steady = Doubt{Since: last.Since, Why: last.Why}, last.Steady
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// jumped puts the clock in doubt. The caller holds mu.
func (c *Clock) jumped(now time.Time, why string) {
	c.doubt, c.steady = Doubt{Since: now, Why: why}, 0
	c.log.Warn("the clock is in doubt: nothing that hangs on it and cannot be undone is done", "why", why, "for", steadyFor)
}

// look compares the two times. The caller holds mu.
func (c *Clock) look() time.Time {
	now := c.now()
	passed := c.mono() - c.mono0
	if off := now.Sub(c.wall0) - passed; off > slack || off < -slack {
		before := c.wall0.Add(passed)
		c.begin()
		c.jumped(now, fmt.Sprintf("the clock jumped from %s to %s", stamp(before), stamp(now)))
		return now
	}
	if c.doubt.Why != "" && c.steady+passed >= steadyFor {
		c.log.Info("the clock is trusted again", "doubted_since", c.doubt.Since)
		c.doubt, c.steady = Doubt{}, 0
	}
	return now
}

// Trusted tells whether the clock can be trusted now, and if not, why.
func (c *Clock) Trusted() (bool, Doubt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.look()
	d := c.doubt
	if d.Why == "" {
		return true, d
	}
	d.Until = now.Add(steadyFor - c.steady - (c.mono() - c.mono0))
	return false, d
}

// Sure is Trusted for who does not ask why.
func (c *Clock) Sure() bool {
	ok, _ := c.Trusted()
	return ok
}

// Now returns the time, or a fault.TryLater while the clock is in doubt.
func (c *Clock) Now() (time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.look()
	if c.doubt.Why != "" {
		return time.Time{}, fault.New(fault.TryLater, "clock: now", "%s", c.doubt.Why)
	}
	return now, nil
}

// Guard returns a handler of jobs that waits, an hour at a time, while the clock is in
// doubt: for jobs that are due by the clock and do what cannot be undone.
func (c *Clock) Guard(handle func(context.Context, *catalog.Job) error) func(context.Context, *catalog.Job) error {
	return func(ctx context.Context, job *catalog.Job) error {
		if _, err := c.Now(); err == nil {
			return handle(ctx, job)
		}
		return c.catalog.Update(ctx, func(tx *catalog.Tx) error {
			return tx.RetryJob(job, c.wall().Add(time.Hour), "clock-in-doubt")
		})
	}
}

// save stores the clock as it is seen now.
func (c *Clock) save(ctx context.Context) error {
	c.mu.Lock()
	seen := clockSeen{Seen: c.look(), Since: c.doubt.Since, Why: c.doubt.Why}
	if c.doubt.Why != "" {
		seen.Steady = c.steady + c.mono() - c.mono0
	}
	c.mu.Unlock()
	text, err := json.Marshal(seen)
	if err == nil {
		err = c.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.SetSetting(clockSetting, string(text)) })
	}
	return fault.Wrap(fault.Internal, "clock: save", err)
}

// Run looks at the clock each minute until ctx ends.
func (c *Clock) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return c.save(context.WithoutCancel(ctx))
		case <-tick.C:
			if err := c.save(ctx); err != nil && ctx.Err() == nil {
				c.log.Warn("the clock was not stored", "err", err)
			}
		}
	}
}
