package schedule

import (
	"regexp"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/se"

	"sealgate/internal/fault"
)

// Expectation is that a file comes on certain days by a time of day. The zero value
// expects nothing.
type Expectation struct {
	days   string
	clock  string // HH:MM
	by     time.Duration
	zone   *time.Location
	counts func(day time.Time) bool
}

// Which days count.
const (
	daily    = "daily"
	weekdays = "weekdays" // Monday to Friday
	bankdays = "bankdays" // weekdays on which Swedish banks work
)

var expectation = regexp.MustCompile(`^(daily|weekdays|bankdays) by (([01][0-9]|2[0-3]):[0-5][0-9])$`)

// holidays are the days on which Swedish banks do not work besides Saturdays and
// Sundays; the eves of midsummer, Christmas and the new year are among them.
var holidays = cal.Calendar{Holidays: se.Holidays}

// Expect reads "weekdays by 17:00" (or bankdays, or daily); the empty text expects
// nothing.
func Expect(text, zone string) (Expectation, error) {
	loc, err := location(zone)
	if err != nil || text == "" {
		return Expectation{}, err
	}
	words := expectation.FindStringSubmatch(strings.ToLower(text))
	if words == nil {
		return Expectation{}, fault.New(fault.Invalid, "schedule: parse", `what is expected is written like "bankdays by 17:00"; besides bankdays there are weekdays and daily`)
	}
	clock, err := time.Parse("15:04", words[2])
	if err != nil {
		return Expectation{}, fault.Wrap(fault.Invalid, "schedule: parse", err)
	}
	e := Expectation{days: words[1], clock: words[2], by: time.Duration(clock.Hour())*time.Hour + time.Duration(clock.Minute())*time.Minute, zone: loc}
	switch e.days {
	case daily:
		e.counts = func(time.Time) bool { return true }
	case weekdays:
		e.counts = func(day time.Time) bool { return !cal.IsWeekend(day) }
	case bankdays:
		e.counts = BankDay
	}
	return e, nil
}

// BankDay reports whether Swedish banks work on the day that t shows.
func BankDay(t time.Time) bool {
	holiday, _, _ := holidays.IsHoliday(t)
	return !holiday && !cal.IsWeekend(t)
}

// Nothing reports whether nothing is expected.
func (e Expectation) Nothing() bool { return e.counts == nil }

// String is what Expect reads.
func (e Expectation) String() string {
	if e.Nothing() {
		return ""
	}
	return e.days + " by " + e.clock
}

// Last returns the last day that is over by now as far as the expectation goes: when
// it began and when its time was up. A file that came since the day began fulfils it.
func (e Expectation) Last(now time.Time) (began, by time.Time) {
	if e.Nothing() {
		return time.Time{}, time.Time{}
	}
	y, m, d := now.In(e.zone).Date()
	day := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	for range 31 { // there are never so many holidays in a row
		if e.counts(day) {
			if by := moment(day.Add(e.by), e.zone).UTC(); !by.After(now) {
				return moment(day, e.zone).UTC(), by
			}
		}
		day = day.AddDate(0, 0, -1)
	}
	return time.Time{}, time.Time{}
}
