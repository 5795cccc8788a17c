package connectd

import (
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/connect"
)

// memory is what keeps a request from counting twice: the epoch that it has to name,
// and the nonces of those that were believed, for as long as the same request would
// still be new enough to be believed again.
type memory struct {
	mu      sync.Mutex
	epoch   string
	minutes map[int64]*minute // by when the requests say that they were made
	gone    int64             // the latest of those that were forgotten
}

type minute struct {
	seen map[nonce]struct{}
	each map[uuid.UUID]int
}

type nonce struct {
	agent uuid.UUID
	value string
}

// maxNonces bounds what one agent makes the gateway remember of one minute: 800
// requests a second.
const maxNonces = 48_000

func newMemory() *memory {
	m := new(memory)
	m.begin()
	return m
}

// begin begins an epoch: every request so far is dead. The caller holds mu, or is
// alone.
func (m *memory) begin() {
	m.epoch, m.minutes, m.gone = connect.NewEpoch(), map[int64]*minute{}, math.MinInt64
}

// now returns the epoch.
func (m *memory) now() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch
}

// use takes the nonce of a request that is near now: nil when it counts, else why it
// does not.
func (m *memory) use(c *connect.Claim, now time.Time) *connect.Problem {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Epoch != m.epoch {
		return connect.Refuse(connect.StaleEpoch, "")
	}
	for at := range m.minutes {
		if time.Unix((at+1)*60, 0).Before(now.Add(-connect.MaxClockError)) {
			delete(m.minutes, at)
			m.gone = max(m.gone, at)
		}
	}
	at := c.Created.Unix() / 60
	if at <= m.gone {
		// It is new enough, and what was known of that minute is forgotten: the clock of
		// the gateway was set back.
		m.begin()
		return connect.Refuse(connect.StaleEpoch, "")
	}
	in := m.minutes[at]
	if in == nil {
		in = &minute{seen: map[nonce]struct{}{}, each: map[uuid.UUID]int{}}
		m.minutes[at] = in
	}
	n := nonce{c.Agent, c.Nonce}
	if _, used := in.seen[n]; used {
		return connect.Refuse(connect.Replayed, "")
	}
	if in.each[c.Agent] >= maxNonces {
		return connect.Refuse(connect.TryLater, "This agent has sent too many requests within a minute.")
	}
	in.seen[n] = struct{}{}
	in.each[c.Agent]++
	return nil
}
