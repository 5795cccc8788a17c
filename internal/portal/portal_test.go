package portal

import (
	"encoding/json"
	"testing"
	"time"

	"sealgate/internal/fault"
)

func TestDurationsReadAndWriteDays(t *testing.T) {
	for text, want := range map[string]struct {
		d    time.Duration
		back string
	}{
		"400d": {400 * day, "400d"}, "48h": {48 * time.Hour, "2d"}, "90m": {90 * time.Minute, "90m"}, "0s": {0, "0s"}, "61s": {61 * time.Second, "61s"},
	} {
		d, err := ParseDuration(text)
		if err != nil || time.Duration(d) != want.d || d.String() != want.back {
			t.Errorf("%s: %v %v (%v)", text, time.Duration(d), d, err)
		}
	}
	for _, bad := range []string{"", "d", "-1d", "-1h", "400", "1.5d", "99999999d", "1ms", "d400"} {
		if d, err := ParseDuration(bad); err == nil {
			t.Errorf("%q is read as %v", bad, d)
		}
	}
	var in struct{ D Duration }
	if err := json.Unmarshal([]byte(`{"D":"7d"}`), &in); err != nil || in.D != Duration(7*day) {
		t.Errorf("from JSON: %v %v", in.D, err)
	}
}

func TestProblemsKeepTheirKindOverTheWire(t *testing.T) {
	for kind := fault.Internal; kind <= fault.Damaged; kind++ {
		p := ProblemOf(fault.New(kind, "op", "a sentence"))
		text, err := json.Marshal(p)
		if err != nil || p.Status < 400 {
			t.Fatalf("%v: status %d, %v", kind, p.Status, err)
		}
		var back Problem
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if got := back.Err(); fault.KindOf(got) != kind || fault.Message(got) != "a sentence" {
			t.Errorf("%v came back as %v %q", kind, fault.KindOf(got), fault.Message(got))
		}
	}
}

func TestAnInternalProblemNamesItsRequestOnly(t *testing.T) {
	p := ProblemOf(fault.Wrap(fault.Internal, "op", json.Unmarshal(nil, new(int))))
	p.Request = "r-1"
	if got := fault.Message(p.Err()); got == p.Detail || p.Detail != "something went wrong in the gateway; nothing was changed" {
		t.Errorf("detail %q, message %q", p.Detail, got)
	}
}
