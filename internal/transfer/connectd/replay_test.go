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

// TestARequestCountsOnceForAsLongAsItIsNew: at no time between is it forgotten, and
// afterwards it is not remembered for ever.
func TestARequestCountsOnceForAsLongAsItIsNew(t *testing.T) {
	for _, created := range []time.Duration{0, 59 * time.Second, -connect.MaxClockError, connect.MaxClockError} {
		m := newMemory()
		one := claim(m, uuid.New(), 1, noon.Add(created))
		if p := m.use(one, noon); p != nil {
			t.Fatal(p)
		}
		for now := noon; one.Near(now); now = now.Add(7 * time.Second) {
			if p := m.use(one, now); p == nil || p.Reason() != connect.Replayed {
				t.Fatalf("made %v after noon, again at %v: %v", created, now, p)
			}
		}
		later := noon.Add(created + 2*connect.MaxClockError)
		if p := m.use(claim(m, uuid.New(), 2, later), later); p != nil || len(m.minutes) != 1 {
			t.Errorf("%v, and %d minutes are remembered", p, len(m.minutes))
		}
	}
}

// TestAClockThatIsSetBackBringsNoRequestBack: what was forgotten is dead for good.
func TestAClockThatIsSetBackBringsNoRequestBack(t *testing.T) {
	m := newMemory()
	agent := uuid.New()
	old := claim(m, agent, 1, noon)
	if p := m.use(old, noon); p != nil {
		t.Fatal(p)
	}
	ahead := noon.Add(time.Hour)
	if p := m.use(claim(m, agent, 2, ahead), ahead); p != nil {
		t.Fatal(p)
	}
	epoch := m.now()
	if p := m.use(old, noon.Add(time.Minute)); p == nil || p.Reason() != connect.StaleEpoch || m.now() == epoch {
		t.Fatalf("the same request, when the clock is back: %v", p)
	}
	if p := m.use(old, noon.Add(time.Minute)); p == nil || p.Reason() != connect.StaleEpoch {
		t.Fatalf("and again: %v", p)
	}
	if p := m.use(claim(m, agent, 3, noon.Add(time.Minute)), noon.Add(time.Minute)); p != nil {
		t.Error("a new request:", p)
	}
}

// TestOneAgentFillsNoMemory: its own requests wait, those of others do not.
func TestOneAgentFillsNoMemory(t *testing.T) {
	m := newMemory()
	agent := uuid.New()
	for i := range maxNonces {
		if p := m.use(claim(m, agent, i, noon), noon); p != nil {
			t.Fatal(i, p)
		}
	}
	if p := m.use(claim(m, agent, maxNonces, noon), noon); p == nil || p.Reason() != connect.TryLater {
		t.Error(p)
	}
	if p := m.use(claim(m, uuid.New(), 1, noon), noon); p != nil {
		t.Error("another agent:", p)
	}
	if next := noon.Add(time.Minute); m.use(claim(m, agent, 1, next), next) != nil {
		t.Error("a minute later")
	}
}
