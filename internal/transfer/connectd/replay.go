package connectd

import (
	"crypto/sha256"
	"math"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/connect"
)

// memory is what keeps a request from counting twice: the epoch that it has to name,
// the nonces of those that are under way, and of those that were believed for as long
// as the same request would still be new enough to be let in again.
//
// A request that was let in counts however long its body takes: while it is under way
// no other one with its nonce gets in, and afterwards none does because it is old.
type memory struct {
	mu       sync.Mutex
	epoch    string
	underWay map[nonce]struct{}
	minutes  map[int64]*minute // by when the requests say that they were made
	each     map[uuid.UUID]int // how many nonces of an agent the minutes hold
	gone     int64             // the latest of the minutes that were forgotten
}

type minute struct {
	seen map[nonce]struct{}
	each map[uuid.UUID]int
}

// nonce is the SHA-256 of an agent's id and its nonce: nothing of the request stays.
type nonce [sha256.Size]byte

func nonceOf(c *connect.Claim) nonce {
	return sha256.Sum256(append(c.Agent[:], c.Nonce...))
}

// Bounds of what one agent makes the gateway remember: 800 requests a second within a
// minute, and 25 MB in all.
const (
	maxNonces    = 48_000
	maxNoncesAll = 5 * maxNonces
)

func newMemory() *memory {
	m := new(memory)
	m.begin()
	return m
}

// begin begins an epoch: every request so far is dead. The caller holds mu, or is
// alone.
func (m *memory) begin() {
	m.epoch, m.underWay, m.minutes, m.each, m.gone = connect.NewEpoch(), map[nonce]struct{}{}, map[int64]*minute{}, map[uuid.UUID]int{}, math.MinInt64
}

// now returns the epoch.
func (m *memory) now() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch
}

// enter lets a request in whose body has not been read: leave is called at its end.
// Else it says why it can count for nothing, whatever its body is.
func (m *memory) enter(c *connect.Claim, clock func() time.Time) (leave func(), p *connect.Problem) {
	n, at := nonceOf(c), minuteOf(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := clock() // under the lock: no later one has forgotten the minute of a request that is near this one
	m.forget(now)
	in := m.minutes[at]
	switch {
	case !c.Near(now):
		return nil, clockOff(now)
	case c.Epoch != m.epoch:
		return nil, connect.Refuse(connect.StaleEpoch, "")
	case at <= m.gone:
		// It is new enough, and what was known of that minute is forgotten: the clock of
		// the gateway was set back.
		m.begin()
		return nil, connect.Refuse(connect.StaleEpoch, "")
	case in != nil && in.each[c.Agent] >= maxNonces, m.each[c.Agent] >= maxNoncesAll:
		return nil, later("This agent has sent too many requests.")
	}
	_, going := m.underWay[n]
	if _, used := in.nonces()[n]; used || going {
		return nil, connect.Refuse(connect.Replayed, "")
	}
	m.underWay[n] = struct{}{}
	epoch := m.epoch
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.epoch == epoch {
			delete(m.underWay, n)
		}
	}, nil
}

// use takes the nonce of a request that has entered and was believed whole: nil when
// it counts, else why it does not.
func (m *memory) use(c *connect.Claim) *connect.Problem {
	n, at := nonceOf(c), minuteOf(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.Epoch != m.epoch {
		return connect.Refuse(connect.StaleEpoch, "")
	}
	if at <= m.gone { // it took long: who sends it again is too late
		return nil
	}
	in := m.minutes[at]
	if in == nil {
		in = &minute{seen: map[nonce]struct{}{}, each: map[uuid.UUID]int{}}
		m.minutes[at] = in
	}
	in.seen[n] = struct{}{}
	in.each[c.Agent]++
	m.each[c.Agent]++
	return nil
}

// heard is how many agents have made requests that are remembered.
func (m *memory) heard(now time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget(now)
	return len(m.each)
}

// forget lets go of the minutes whose requests are too old to be let in again.
func (m *memory) forget(now time.Time) {
	for at, in := range m.minutes {
		if !time.Unix((at+1)*60, 0).Before(now.Add(-connect.MaxClockError)) {
			continue
		}
		delete(m.minutes, at)
		m.gone = max(m.gone, at)
		for agent, n := range in.each {
			if m.each[agent] -= n; m.each[agent] == 0 {
				delete(m.each, agent)
			}
		}
	}
}

func (in *minute) nonces() map[nonce]struct{} {
	if in == nil {
		return nil
	}
	return in.seen
}

func minuteOf(c *connect.Claim) int64 { return c.Created.Unix() / 60 }
