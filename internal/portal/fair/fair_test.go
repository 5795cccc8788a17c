package fair

import (
	"errors"
	"io"
	"net/http/httptest"
	"testing"
	"time"
)

func TestNobodyTakesAllPlaces(t *testing.T) {
	p := NewPlaces(2, 3)
	a := p.Take("a")
	if a == nil || p.Take("a") == nil || p.Take("a") != nil {
		t.Error("one has two places")
	}
	if p.Take("b") == nil || p.Take("b") != nil || p.Take("c") != nil {
		t.Error("there are three in all")
	}
	a()
	c := p.Take("c")
	if c == nil || p.Take("a") != nil {
		t.Error("a place that was left is the next one's")
	}
	c()
	if p.Take("a") == nil || len(p.held) != 2 {
		t.Errorf("%v", p.held)
	}
	if many := NewPlaces(1, 0); many.Take("a") == nil || many.Take("b") == nil {
		t.Error("without a bound in all")
	}
}

// Few who take what they may leave a place for each of the others.
func TestSparePlacesAreForWhoHoldsNone(t *testing.T) {
	p := NewPlaces(4, 8).Spare(3)
	taken := map[string]int{}
	for range 4 {
		for _, who := range []string{"a", "b"} {
			if p.Take(who) != nil {
				taken[who]++
			}
		}
	}
	if taken["a"]+taken["b"] != 5 {
		t.Errorf("two have %v", taken)
	}
	if p.Take("c") == nil || p.Take("c") != nil || p.Take("d") == nil || p.Take("e") == nil {
		t.Error("each of three others has one")
	}
	if p.Take("f") != nil {
		t.Error("there are eight in all")
	}
}

// line brings some bytes at a time, after so long.
type line struct {
	now    time.Time
	every  time.Duration
	pieces int
	bytes  int
}

func (l *line) Read(p []byte) (int, error) {
	l.now = l.now.Add(l.every)
	if l.pieces == 0 {
		return 0, io.EOF
	}
	l.pieces--
	return min(l.bytes, len(p)), nil
}

func TestABodyMayBeLongButNotDribble(t *testing.T) {
	for what, c := range map[string]struct {
		every         time.Duration
		pieces, bytes int
		slow          bool
	}{
		"a byte now and then":          {30 * time.Second, 1000, 1, true},
		"a thousand bytes a second":    {time.Second, 1000, 1000, true},
		"a small body that is slow":    {20 * time.Second, 2, 10, false},
		"two KiB a second, for hours":  {time.Second, 10_000, 2 << 10, false},
		"a line that stalls and comes": {50 * time.Second, 100, 64 << 10, false},
	} {
		l := &line{now: time.Now(), every: c.every, pieces: c.pieces, bytes: c.bytes}
		b := NewBody(httptest.NewRecorder(), l)
		b.now = func() time.Time { return l.now }
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, b, make([]byte, 64<<10))
		if errors.Is(err, ErrSlow) != c.slow || !c.slow && n != int64(c.pieces*c.bytes) {
			t.Errorf("%s: %d bytes, %v", what, n, err)
		}
	}
}

// Only the time in which the sender is waited for counts.
func TestTheGatewaysOwnTimeIsNotTheSenders(t *testing.T) {
	l := &line{now: time.Now(), every: time.Second, pieces: 50, bytes: 100}
	b := NewBody(httptest.NewRecorder(), l)
	b.now = func() time.Time { return l.now }
	for range 50 {
		if _, err := b.Read(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		l.now = l.now.Add(time.Hour) // the disk is busy
	}
}
