package terminal

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestAmountsFollowTheLocale(t *testing.T) {
	for _, c := range []struct {
		lang     string
		minor    int64
		decimals int
		want     string
	}{
		{"sv_SE.UTF-8", 123450, 2, "1 234,50"},
		{"en_US.UTF-8", 123450, 2, "1,234.50"},
		{"de_DE", 123450, 2, "1.234,50"},
		{"nb_NO.UTF-8", 1, 2, "0,01"},
		{"C.UTF-8", 123456789, 2, "1,234,567.89"},
		{"", -5, 2, "-0.05"},
		{"sv_SE", -100000000, 0, "-100 000 000"},
		{"C", 1234567, 3, "1,234.567"},
		{"C", math.MinInt64, 2, "-92,233,720,368,547,758.08"},
		{"nonsense here", 100, 2, "1.00"},
	} {
		l := LocaleOf(func(name string) string {
			if name == "LANG" {
				return c.lang
			}
			return ""
		})
		if got := l.Amount(c.minor, c.decimals); got != c.want {
			t.Errorf("%s: %d with %d decimals is %q, want %q", c.lang, c.minor, c.decimals, got, c.want)
		}
	}
}

func TestLocaleOrderIsThatOfPOSIX(t *testing.T) {
	env := map[string]string{"LC_ALL": "C", "LANG": "sv_SE.UTF-8"}
	if got := LocaleOf(func(n string) string { return env[n] }).Amount(123450, 2); got != "1,234.50" {
		t.Errorf("LC_ALL does not go before LANG: %q", got)
	}
}

func TestTableLinesUpAndIsClean(t *testing.T) {
	table := NewTable("NAME", ">SIZE")
	table.Row("åäö", "1")
	table.Row("evil\x1b[31m\u202e", "12345")
	var b strings.Builder
	if _, err := table.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	want := "NAME         SIZE\nåäö             1\nevil\uFFFD[31m\uFFFD  12345\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestSizes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_999: "1.0 MB", 5e18: "5000.0 PB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestTimeHasAZone(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	if got := Time(at); !strings.HasPrefix(got, at.Local().Format("2006-01-02 15:04:05 ")) || len(got) < 22 {
		t.Errorf("Time = %q", got)
	}
	if Time(time.Time{}) != "-" {
		t.Error("a zero time is not a dash")
	}
}

func TestProgressIsSilentWhenNobodyLooks(t *testing.T) {
	var b strings.Builder
	r, done := Progress(&b, strings.NewReader("x"), 1<<40, "reading")
	buf := make([]byte, 1)
	if _, err := r.Read(buf); err != nil {
		t.Fatal(err)
	}
	done()
	if b.Len() > 0 {
		t.Errorf("printed %q", b.String())
	}
}
