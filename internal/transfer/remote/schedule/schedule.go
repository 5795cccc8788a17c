// Package schedule says when a remote is due, and by when a file is expected.
//
// A schedule is an interval, or a cron expression in a time zone. Neither skips a run
// or runs twice when clocks are put forward or back: of a time that does not exist
// that day the run is at the moment when the clock leaps over it, of one that comes
// twice it is the first. What runs in every hour (a cron expression whose field for
// hours is a star) follows time itself, through both.
//
// A gateway that was off runs what it missed once. A clock that was set back does not
// repeat runs that it has seen, unless it was wrong by more than a day.
//
// The rules of time zones are in the program: it does not matter what the machine has.
package schedule

import (
	"strings"
	"time"
	_ "time/tzdata" // for machines without, and containers

	"github.com/robfig/cron/v3"

	"sealgate/internal/fault"
)

// Bounds of intervals.
const (
	Shortest = 30 * time.Second
	Longest  = 366 * 24 * time.Hour
)

// Zone is the time zone of those who name none.
const Zone = "Europe/Stockholm"

// trusted is how far a clock may have been ahead for its runs to count.
const trusted = 24 * time.Hour

// Schedule says when something is due. The zero value says never: by hand only.
type Schedule struct {
	every time.Duration
	cron  *cron.SpecSchedule // in UTC, which stands for the clock on the wall
	zone  *time.Location
	hours bool // in every hour
}

// Every is the schedule of an interval.
func Every(d time.Duration) (Schedule, error) {
	if d < Shortest || d > Longest {
		return Schedule{}, invalid("an interval is between 30s and 366d")
	}
	return Schedule{every: d}, nil
}

// Cron is the schedule of a cron expression (minute, hour, day of month, month, day of
// week; as in crontab(5)) in a time zone of IANA's names.
func Cron(expression, zone string) (Schedule, error) {
	const help = "a cron expression has five fields: minute, hour, day of month, month and day of week, as in \"*/10 6-18 * * mon-fri\""
	loc, err := location(zone)
	if err != nil {
		return Schedule{}, err
	}
	// The parser takes zones and macros, too: they would say what the zone says.
	if len(expression) > 200 || strings.ContainsAny(expression, "=@") {
		return Schedule{}, invalid(help)
	}
	parsed, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(expression)
	if err != nil {
		return Schedule{}, &fault.Error{Kind: fault.Invalid, Op: "schedule: parse", Message: help, Err: err}
	}
	spec := parsed.(*cron.SpecSchedule)
	spec.Location = time.UTC
	s := Schedule{cron: spec, zone: loc, hours: spec.Hour&(1<<24-1) == 1<<24-1}
	if spec.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return Schedule{}, invalid("this cron expression names a day that never comes")
	}
	return s, nil
}

// ByHand reports whether nothing is ever due.
func (s Schedule) ByHand() bool { return s.every == 0 && s.cron == nil }

// Next returns when the next run is due after one that was due at last (zero = there
// was none yet), at the time now. Zero = never.
func (s Schedule) Next(last, now time.Time) time.Time {
	switch {
	case s.ByHand():
		return time.Time{}
	case s.cron != nil && last.After(now) && last.Sub(now) <= trusted:
		return s.after(last) // the clock was set back: what ran does not run again
	case s.cron != nil:
		return s.after(now)
	case last.IsZero() || last.After(now):
		return now.Add(s.every)
	default: // in step with what was due, without what was missed
		return last.Add((now.Sub(last)/s.every + 1) * s.every)
	}
}

// after returns the first moment after t that the cron expression names.
func (s Schedule) after(t time.Time) time.Time {
	t = t.In(s.zone)
	wall := onWall(t)
	for range 5 * 366 * 24 { // each step goes on by a minute at least, or over a change of clocks
		next := s.cron.Next(wall)
		if next.IsZero() {
			return time.Time{}
		}
		if s.hours {
			_, offset := t.Zone()
			at := next.Add(-time.Duration(offset) * time.Second)
			_, change := t.ZoneBounds()
			if change.IsZero() || at.Before(change) {
				return at.UTC()
			}
			t = change // and from there with the new offset, that moment included
			wall = onWall(change).Add(-time.Nanosecond)
			continue
		}
		if at := moment(next, s.zone); at.After(t) {
			return at.UTC()
		}
		wall = next
	}
	return time.Time{}
}

// onWall is what the clock on the wall shows at t, as if that were UTC.
func onWall(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// moment is when a clock in zone first shows what wall does, or leaps over it.
func moment(wall time.Time, zone *time.Location) time.Time {
	y, m, d := wall.Date()
	at := time.Date(y, m, d, wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	start, end := at.ZoneBounds()
	switch shown := onWall(at); {
	case shown.Before(wall): // there is no such time: Date took the offset after the leap
		return end
	case shown.After(wall): // and here the one before it
		return start
	}
	if !start.IsZero() {
		// Of two such times the first lies before the clocks were put back.
		if before := at.Add(-gap(start)); before.Before(start) && onWall(before).Equal(wall) {
			return before
		}
	}
	return at
}

// gap is by how much clocks are put back at the moment change; negative = forward.
func gap(change time.Time) time.Duration {
	_, after := change.Zone()
	_, before := change.Add(-time.Nanosecond).Zone()
	return time.Duration(before-after) * time.Second
}

func location(zone string) (*time.Location, error) {
	if zone == "" {
		zone = Zone
	}
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return nil, &fault.Error{Kind: fault.Invalid, Op: "schedule: time zone", Message: "a time zone is a name like Europe/Stockholm or UTC", Err: err}
	}
	return loc, nil
}

func invalid(message string) error { return fault.New(fault.Invalid, "schedule: parse", "%s", message) }
