package schedule

import (
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
)

func at(t testing.TB, text string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Clocks in Stockholm went from 02:00+01:00 to 03:00+02:00 on 29 March 2026, and
// from 03:00+02:00 to 02:00+01:00 on 25 October 2026.
func TestCronOverBothChangesOfClocks(t *testing.T) {
	for _, test := range []struct {
		name, cron, zone string
		from             string
		want             []string
	}{
		{"any day", "30 2 * * *", "", "2026-11-21T12:00:00+01:00", []string{"2026-11-22T02:30:00+01:00", "2026-11-23T02:30:00+01:00"}},
		{
			"in the hour that does not exist: once, when the clock leaps", "30 2 * * *", "", "2026-03-28T01:00:00+01:00",
			[]string{"2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"},
		},
		{
			"several times in that hour: once", "*/20 2 * * *", "", "2026-03-29T01:59:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"},
		},
		{
			"in that hour and at its end: once", "0 2,3 * * *", "", "2026-03-29T00:00:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:00:00+02:00"},
		},
		{
			"in the hour that comes twice: the first time", "30 2 * * *", "", "2026-10-24T12:00:00+02:00",
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"},
		},
		{
			"asked between the two: not again", "30 2 * * *", "", "2026-10-25T02:40:00+02:00",
			[]string{"2026-10-26T02:30:00+01:00"},
		},
		{
			"asked in the second: not again", "30 2 * * *", "", "2026-10-25T02:10:00+01:00",
			[]string{"2026-10-26T02:30:00+01:00"},
		},
		{
			"at the moment of the change", "0 2 * * *", "", "2026-10-25T01:00:00+02:00",
			[]string{"2026-10-25T02:00:00+02:00", "2026-10-26T02:00:00+01:00"},
		},
		{
			"every half hour goes on through the second hour", "*/30 * * * *", "", "2026-10-25T01:59:00+02:00",
			[]string{
				"2026-10-25T02:00:00+02:00", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00", "2026-10-25T02:30:00+01:00",
				"2026-10-25T03:00:00+01:00",
			},
		},
		{
			"every half hour leaps with the clock", "*/30 * * * *", "", "2026-03-29T01:15:00+01:00",
			[]string{"2026-03-29T01:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-29T03:30:00+02:00"},
		},
		{
			"weekdays", "0 17 * * mon-fri", "", "2026-11-20T17:00:00+01:00",
			[]string{"2026-11-23T17:00:00+01:00"},
		},
		{"elsewhere", "30 2 * * *", "UTC", "2026-03-29T00:00:00Z", []string{"2026-03-29T02:30:00Z", "2026-03-30T02:30:00Z"}},
		{"midnight that does not exist", "0 0 * * *", "America/Asuncion", "2024-10-05T12:00:00-04:00", []string{"2024-10-06T01:00:00-03:00", "2024-10-07T00:00:00-03:00"}},
		{"half an hour back", "45 1 * * *", "Australia/Lord_Howe", "2026-04-05T00:00:00+11:00", []string{"2026-04-05T01:45:00+11:00", "2026-04-06T01:45:00+10:30"}},
		{"a leap day", "0 12 29 2 *", "UTC", "2026-01-01T00:00:00Z", []string{"2028-02-29T12:00:00Z"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := Cron(test.cron, test.zone)
			if err != nil {
				t.Fatal(err)
			}
			now := at(t, test.from)
			for _, want := range test.want {
				next := s.Next(time.Time{}, now)
				if !next.Equal(at(t, want)) {
					t.Fatalf("after %s: %s, want %s", now, next, want)
				}
				now = next
			}
		})
	}
}

func TestIntervalsKeepInStep(t *testing.T) {
	s, err := Every(5 * time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	noon := at(t, "2026-11-22T12:00:00Z")
	for _, test := range []struct {
		name       string
		last, now  time.Time
		wantInFive time.Duration // after noon
	}{
		{"the first", time.Time{}, noon, 5 * time.Minute},
		{"a short run", noon, noon.Add(time.Second), 5 * time.Minute},
		{"a run as long as the interval", noon, noon.Add(5 * time.Minute), 10 * time.Minute},
		{"a long run: what was missed is not made up", noon, noon.Add(23 * time.Minute), 25 * time.Minute},
		{"the clock was set back by an hour", noon.Add(time.Hour), noon, 5 * time.Minute},
		{"the clock was set back by years", noon.AddDate(9, 0, 0), noon, 5 * time.Minute},
		{"the clock leapt by years", noon.AddDate(-9, 0, 0), noon.Add(time.Minute), 0},
	} {
		got := s.Next(test.last, test.now)
		if test.wantInFive == 0 {
			if d := got.Sub(test.now); d <= 0 || d > 5*time.Minute {
				t.Errorf("%s: next in %s", test.name, d)
			}
			continue
		}
		if want := noon.Add(test.wantInFive); !got.Equal(want) {
			t.Errorf("%s: %s, want %s", test.name, got, want)
		}
	}
}

func TestClockSetBackRepeatsNoCron(t *testing.T) {
	s, err := Cron("0 2 * * *", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	ran := at(t, "2026-11-22T02:00:00Z")
	if got, want := s.Next(ran, ran.Add(-time.Hour)), at(t, "2026-11-23T02:00:00Z"); !got.Equal(want) {
		t.Errorf("set back by an hour: %s, want %s", got, want)
	}
	if got, want := s.Next(ran.AddDate(1, 0, 0), ran), at(t, "2026-11-23T02:00:00Z"); !got.Equal(want) {
		t.Errorf("set back by a year: %s, want %s: the clock was wrong", got, want)
	}
	if got := (Schedule{}).Next(ran, ran); !got.IsZero() || !(Schedule{}).ByHand() {
		t.Errorf("by hand only: due at %s", got)
	}
}

func TestWhatIsNoSchedule(t *testing.T) {
	for _, text := range []string{
		"", "*", "* * * *", "* * * * * *", "61 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "*/0 * * * *", "5-1 * * * *",
		"@daily", "@every 1s", "TZ=UTC * * * * *", "TZ=", "CRON_TZ=UTC 0 0 * * *", "0 0 30 2 *", "0 0 31 4,6 *", "a b c d e", strings.Repeat("1,", 200) + "1 * * * *",
	} {
		if _, err := Cron(text, ""); !fault.Is(err, fault.Invalid) || fault.Message(err) == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, zone := range []string{"Local", "Sweden/Stockholm", "../etc/passwd", "/etc/localtime", "Europe/Stockholm ", "CEST"} {
		if _, err := Cron("0 0 * * *", zone); !fault.Is(err, fault.Invalid) {
			t.Errorf("zone %q: %v", zone, err)
		}
	}
	for _, d := range []time.Duration{0, -time.Hour, time.Second, Longest + 1} {
		if _, err := Every(d); !fault.Is(err, fault.Invalid) {
			t.Errorf("every %s: %v", d, err)
		}
	}
}

// Whatever the expression: the next run is later, at a full minute that the expression
// names or when clocks change, and asking right before it gives the same.
func FuzzCron(f *testing.F) {
	f.Add("*/5 * * * *", int64(1774746000))
	f.Add("30 2 * * *", int64(1774746000))
	f.Add("30 2 29 2 0", int64(1792890000))
	f.Add("TZ=0", int64(0))
	f.Add("0-59/7 2,3 */3 jan-dec mon", int64(1792890000))
	f.Fuzz(func(t *testing.T, expression string, unix int64) {
		s, err := Cron(expression, Zone)
		if err != nil {
			return
		}
		now := time.Unix(unix%(1<<33), 0) // from 1697 to 2242
		next := s.Next(time.Time{}, now)
		if next.IsZero() {
			return // a leap day, and none is near
		}
		if !next.After(now) {
			t.Fatalf("%q after %s: %s", expression, now, next)
		}
		if again := s.Next(time.Time{}, next.Add(-time.Nanosecond)); !again.Equal(next) {
			t.Fatalf("%q: %s, and asked right before it %s", expression, next, again)
		}
	})
}
