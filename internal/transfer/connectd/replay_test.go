package connectd

import (
	"encoding/base64"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/connect"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func claim(m *memory, agent uuid.UUID, n int, at time.Time) *connect.Claim {
	return &connect.Claim{Agent: agent, Created: at, Epoch: m.now(), Nonce: base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(n)))}
}

// once is a request that comes whole at once: why it does not count.
func (m *memory) once(c *connect.Claim, now time.Time) *connect.Problem {
	leave, p := m.enter(c, func() time.Time { return now })
	if p != nil {
		return p
	}
	defer leave()
	return m.use(c)
}

// TestARequestCountsOnceForAsLongAsItIsNew: at no time between is it forgotten, and
// afterwards it is not remembered for ever.
func TestARequestCountsOnceForAsLongAsItIsNew(t *testing.T) {
	for _, created := range []time.Duration{0, 59 * time.Second, -connect.MaxClockError, connect.MaxClockError} {
		m := newMemory()
		one := claim(m, uuid.New(), 1, noon.Add(created))
		if p := m.once(one, noon); p != nil {
			t.Fatal(p)
		}
		for now := noon; one.Near(now); now = now.Add(7 * time.Second) {
			if p := m.once(one, now); p == nil || p.Reason() != connect.Replayed {
				t.Fatalf("made %v after noon, again at %v: %v", created, now, p)
			}
		}
		later := noon.Add(created + 2*connect.MaxClockError)
		if p := m.once(claim(m, uuid.New(), 2, later), later); p != nil || len(m.minutes) != 1 {
			t.Errorf("%v, and %d minutes are remembered", p, len(m.minutes))
		}
	}
}

// TestAClockThatIsSetBackBringsNoRequestBack: what was forgotten is dead for good.
func TestAClockThatIsSetBackBringsNoRequestBack(t *testing.T) {
	m := newMemory()
	agent := uuid.New()
	old := claim(m, agent, 1, noon)
	if p := m.once(old, noon); p != nil {
		t.Fatal(p)
	}
	ahead := noon.Add(time.Hour)
	if p := m.once(claim(m, agent, 2, ahead), ahead); p != nil {
		t.Fatal(p)
	}
	epoch := m.now()
	if p := m.once(old, noon.Add(time.Minute)); p == nil || p.Reason() != connect.StaleEpoch || m.now() == epoch {
		t.Fatalf("the same request, when the clock is back: %v", p)
	}
	if p := m.once(old, noon.Add(time.Minute)); p == nil || p.Reason() != connect.StaleEpoch {
		t.Fatalf("and again: %v", p)
	}
	if p := m.once(claim(m, agent, 3, noon.Add(time.Minute)), noon.Add(time.Minute)); p != nil {
		t.Error("a new request:", p)
	}
}

// TestOneAgentFillsNoMemory: its own requests wait, those of others do not.
func TestOneAgentFillsNoMemory(t *testing.T) {
	m := newMemory()
	agent := uuid.New()
	for i := range maxNonces {
		if p := m.once(claim(m, agent, i, noon), noon); p != nil {
			t.Fatal(i, p)
		}
	}
	if p := m.once(claim(m, agent, maxNonces, noon), noon); p == nil || p.Reason() != connect.TryLater {
		t.Error(p)
	}
	if p := m.once(claim(m, uuid.New(), 1, noon), noon); p != nil {
		t.Error("another agent:", p)
	}
	if next := noon.Add(time.Minute); m.once(claim(m, agent, 1, next), next) != nil {
		t.Error("a minute later")
	}
	for i := range maxNoncesAll {
		m.once(claim(m, agent, i, noon.Add(time.Duration(i/maxNonces)*time.Minute)), noon.Add(2*time.Minute))
	}
	held := 0
	for _, in := range m.minutes {
		held += in.each[agent]
	}
	if held != maxNoncesAll {
		t.Errorf("%d nonces of an agent are held", held)
	}
	if later := noon.Add(20 * time.Minute); m.once(claim(m, agent, 1, later), later) != nil || len(m.each) != 1 || m.each[agent] != 1 {
		t.Errorf("afterwards: %v", m.each)
	}
}

// TestARequestCountsHoweverLongItTakes: and while it does, and afterwards, it counts
// for nobody else; nor does anybody's epoch end.
func TestARequestCountsHoweverLongItTakes(t *testing.T) {
	m := newMemory()
	epoch, now := m.now(), noon
	clock := func() time.Time { return now }
	slow, again := claim(m, uuid.New(), 1, noon), claim(m, uuid.New(), 2, noon)
	leave, p := m.enter(slow, clock)
	if p != nil {
		t.Fatal(p)
	}
	if _, p := m.enter(slow, clock); p == nil || p.Reason() != connect.Replayed {
		t.Error("who has overheard its head gets in beside it:", p)
	}
	left, p := m.enter(again, clock)
	if p != nil {
		t.Fatal(p)
	}
	left() // its body was not the one that was signed
	if p := m.once(again, noon); p != nil {
		t.Error("somebody else's body has used a nonce up:", p)
	}
	now = noon.Add(70 * time.Minute)
	if p := m.once(claim(m, uuid.New(), 3, now), now); p != nil {
		t.Fatal(p)
	}
	if p := m.use(slow); p != nil || m.now() != epoch {
		t.Fatalf("%v; another epoch: %v", p, m.now() != epoch)
	}
	leave()
	if _, p := m.enter(slow, clock); p == nil || p.Reason() != connect.ClockOff || p.Time == nil {
		t.Error("and again:", p)
	}
	now = noon
	if _, p := m.enter(slow, clock); p == nil || p.Reason() != connect.StaleEpoch || m.now() == epoch {
		t.Error("when the clock was set back:", p)
	}
	if len(m.underWay) != 0 {
		t.Errorf("%d are under way", len(m.underWay))
	}
}
