package use

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestAmountsOfASearchAreInTheirCurrency(t *testing.T) {
	for _, c := range []struct {
		amount, currency, want string
	}{
		{"100", "", "10000"}, {"1234.5", "SEK", "123450"}, {"100", "JPY", "100"}, {"1.234", "kwd", "1234"}, {"-5", "EUR", "-500"},
	} {
		q, err := search{min: c.amount, currency: c.currency}.query()
		if err != nil || q.Get("min") != c.want {
			t.Errorf("%s %s is %s, want %s (%v)", c.amount, c.currency, q.Get("min"), c.want, err)
		}
	}
	for _, s := range []search{{min: "1,5"}, {max: "1.5", currency: "JPY"}, {max: "--5"}, {currency: "XYZ"}, {limit: -1}} {
		if _, err := s.query(); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

func TestTimesOfAFilter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-11-20T08:00:00+01:00": time.Date(2026, 11, 20, 7, 0, 0, 0, time.UTC),
		"24h":                       now.Add(-24 * time.Hour),
		"7d":                        now.Add(-7 * 24 * time.Hour),
		"2026-11-01":                time.Date(2026, 11, 1, 0, 0, 0, 0, time.Local),
	} {
		if got, err := parseTime(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s is %v, want %v (%v)", text, got, want, err)
		}
	}
	if _, err := parseTime("yesterday", now); err == nil {
		t.Error("yesterday is taken")
	}
}

// Where there are no hard links, a file that somebody made meanwhile is left alone.
func TestACopyTakesNoNameThatIsTaken(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	if err := os.WriteFile(from, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := copyNew(from, to); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(from, []byte("newer"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := copyNew(from, to); !errors.Is(err, os.ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	if got, err := os.ReadFile(to); err != nil || string(got) != "new" {
		t.Errorf("it holds %q (%v)", got, err)
	}
}
