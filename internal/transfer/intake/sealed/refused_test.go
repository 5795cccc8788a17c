package sealed

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
)

// An agent that seals wrongly has the latest of its refusals remembered, and takes away
// no other agent's.
func TestRefusalsAreRememberedForEachAgent(t *testing.T) {
	now := time.Now()
	taker := New(Parts{Now: func() time.Time { now = now.Add(time.Millisecond); return now }})
	a, b := uuid.New(), uuid.New()
	refuse := func(agent uuid.UUID) uuid.UUID {
		file := uuid.New()
		taker.refuse(&arrival{agent: Agent{ID: agent}, file: &catalog.File{ID: file}})
		return file
	}
	first := refuse(a)
	for range 5000 {
		refuse(a)
	}
	last, other := refuse(a), refuse(b)
	if taker.refused(a, first) || !taker.refused(a, last) || !taker.refused(b, other) || taker.refused(a, other) {
		t.Error("another is remembered")
	}
	if n := len(taker.wrong[a]); n != maxBegun {
		t.Errorf("%d are remembered", n)
	}
	now = now.Add(idleFor)
	if err := taker.Idle(t.Context()); err != nil || len(taker.wrong) != 0 {
		t.Errorf("%d agents are remembered, %v", len(taker.wrong), err)
	}
}
