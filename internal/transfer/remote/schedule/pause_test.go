package schedule_test

import (
	"testing"
	"time"

	"sealgate/internal/transfer/remote/schedule"
)

func TestPausesGrowAndDiffer(t *testing.T) {
	seen := map[time.Duration]bool{}
	for n := int64(1); n < 70; n++ {
		p := schedule.Pause(n)
		seen[p] = true
		low := min(schedule.LongPause, schedule.FirstPause<<min(n-1, 20)) * 8 / 10
		if p < low || p > schedule.LongPause*12/10 {
			t.Errorf("after %d failures %s", n, p)
		}
	}
	if len(seen) < 20 {
		t.Errorf("%d different pauses", len(seen))
	}
}
