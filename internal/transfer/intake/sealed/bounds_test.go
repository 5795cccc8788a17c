package sealed

import (
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
)

// What is not on record stays in memory as far as that goes, and gives it back.
func TestWhatStaysInMemoryIsCounted(t *testing.T) {
	taker := New(Parts{})
	var held []*arrival
	for {
		a := &arrival{file: &catalog.File{ID: uuid.New()}, total: 64 << 10}
		if !taker.reserve(a) {
			break
		}
		taker.add(a)
		held = append(held, a)
	}
	if len(held) != maxMemory/(64<<10) {
		t.Errorf("%d arrivals are in memory", len(held))
	}
	for _, a := range held {
		taker.forget(a)
		taker.forget(a)
	}
	if taker.inMemory != 0 || !taker.reserve(held[0]) {
		t.Errorf("%d bytes are held", taker.inMemory)
	}
}
