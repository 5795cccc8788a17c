package schedule

import (
	"testing"
	"time"

	"sealgate/internal/fault"
)

func TestSwedishBankDays(t *testing.T) {
	for _, day := range []string{
		"2026-01-01", "2026-01-06", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2025-06-06", "2026-06-19", // midsummer's eve
		"2026-12-24", "2026-12-25", "2026-12-31", "2026-11-21", "2026-11-22", "2025-12-26", "2027-03-26",
	} {
		if BankDay(at(t, day+"T12:00:00Z")) {
			t.Errorf("%s: banks work", day)
		}
	}
	for _, day := range []string{"2026-01-02", "2026-01-05", "2026-04-02", "2026-04-30", "2026-05-15", "2026-06-18", "2026-12-23", "2026-12-30", "2026-11-20"} {
		if !BankDay(at(t, day+"T12:00:00Z")) {
			t.Errorf("%s: banks do not work", day)
		}
	}
}

func TestExpectationsLastDay(t *testing.T) {
	for _, test := range []struct{ name, text, now, began, by string }{
		{"before the time: yesterday's", "daily by 17:00", "2026-11-22T16:59:59+01:00", "2026-11-21T00:00:00+01:00", "2026-11-21T17:00:00+01:00"},
		{"at the time", "daily by 17:00", "2026-11-22T17:00:00+01:00", "2026-11-22T00:00:00+01:00", "2026-11-22T17:00:00+01:00"},
		{"a weekend", "weekdays by 17:00", "2026-11-22T18:00:00+01:00", "2026-11-20T00:00:00+01:00", "2026-11-20T17:00:00+01:00"},
		{"weekdays go on at Christmas", "weekdays by 09:30", "2026-12-25T10:00:00+01:00", "2026-12-25T00:00:00+01:00", "2026-12-25T09:30:00+01:00"},
		{"banks do not", "bankdays by 09:30", "2026-12-27T10:00:00+01:00", "2026-12-23T00:00:00+01:00", "2026-12-23T09:30:00+01:00"},
		{"Easter", "bankdays by 17:00", "2026-04-06T23:00:00+02:00", "2026-04-02T00:00:00+02:00", "2026-04-02T17:00:00+02:00"},
		{"the hour that does not exist", "daily by 02:30", "2026-03-29T03:00:00+02:00", "2026-03-29T00:00:00+01:00", "2026-03-29T03:00:00+02:00"},
		{"the hour that comes twice", "daily by 02:30", "2026-10-25T02:30:00+02:00", "2026-10-25T00:00:00+02:00", "2026-10-25T02:30:00+02:00"},
	} {
		e, err := Expect(test.text, "")
		if err != nil {
			t.Fatal(err)
		}
		began, by := e.Last(at(t, test.now))
		if !began.Equal(at(t, test.began)) || !by.Equal(at(t, test.by)) {
			t.Errorf("%s: from %s by %s, want from %s by %s", test.name, began, by, test.began, test.by)
		}
		if e.String() != test.text {
			t.Errorf("%q reads as %q", test.text, e)
		}
	}
}

func TestWhatIsNoExpectation(t *testing.T) {
	for _, text := range []string{"daily", "daily by 24:00", "daily by 5:00", "bankday by 17:00", "weekdays by 17:00 or so", "daily  by 17:00", "daily by 17:0０"} {
		if _, err := Expect(text, ""); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := Expect("daily by 17:00", "Mars/Phobos"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a zone on Mars: %v", err)
	}
	e, err := Expect("", "")
	if began, by := e.Last(time.Now()); err != nil || !e.Nothing() || e.String() != "" || !began.IsZero() || !by.IsZero() {
		t.Errorf("nothing is %q (%v)", e, err)
	}
}

func FuzzExpect(f *testing.F) {
	f.Add("weekdays by 17:00", int64(1774746000))
	f.Add("bankdays by 02:30", int64(1792890000))
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		e, err := Expect(text, Zone)
		if err != nil || e.Nothing() {
			return
		}
		now := time.Unix(unix%(1<<33), 0)
		began, by := e.Last(now)
		if by.IsZero() || by.After(now) || began.After(by) || now.Sub(by) > 14*24*time.Hour {
			t.Fatalf("%q at %s: from %s by %s", text, now, began, by)
		}
		if same, err := Expect(e.String(), Zone); err != nil || same.String() != e.String() {
			t.Fatalf("%q reads as %q (%v)", text, e, err)
		}
	})
}
