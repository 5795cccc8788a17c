package portal

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// Duration is a time.Duration that is written in days where it can be: "400d",
// "8h", "90s".
type Duration time.Duration

// ParseDuration reads "400d", or what time.ParseDuration reads. Policies are kept
// in whole seconds, and none is negative.
func ParseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, nerr := strconv.ParseUint(days, 10, 16)
		d, err = time.Duration(n)*day, nerr
	}
	if err != nil || d < 0 || d%time.Second != 0 {
		return 0, fmt.Errorf("%q is not a duration like 400d, 8h or 30m", text)
	}
	return Duration(d), nil
}

// String writes the shortest of days, hours, minutes and seconds that is exact.
func (d Duration) String() string {
	v := time.Duration(d)
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{day, "d"}, {time.Hour, "h"}, {time.Minute, "m"}} {
		if v != 0 && v%unit.of == 0 {
			return strconv.FormatInt(int64(v/unit.of), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(v/time.Second), 10) + "s"
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := ParseDuration(string(text))
	*d = v
	return err
}

// Set and Type make a Duration a flag.
func (d *Duration) Set(text string) error { return d.UnmarshalText([]byte(text)) }

// Type names the flag's value in help.
func (*Duration) Type() string { return "duration" }
