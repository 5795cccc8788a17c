package connectd_test

import (
	"net/http"
	"testing"
	"time"

	"sealgate/internal/connect"
)

// TestRequestsAreCounted: by operation and result, with their bytes, and who was heard.
func TestRequestsAreCounted(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	content := []byte("<Document/>")
	p := c.seal("pay.xml", content)
	c.check(c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}))
	bad := c.seal("bad.xml", content)
	clear(bad.object[len(bad.object)-300:])
	c.refused(c.call(connect.PathWhole, bad.begin, bad.object, &connect.Progress{}), connect.Damaged)
	h.may(c, connect.RightFetch)
	c.refused(c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}), connect.NotAllowed)
	h.raw(wireOf(t, c.request(http.MethodPost, "/connect/v1/nothing"), nil))
	h.counts.Lock()
	defer h.counts.Unlock()
	for what, want := range map[string]int{"enroll ok": 1, "whole ok": 1, "whole damaged": 1, "whole not-allowed": 1, "none not-found": 1} {
		if h.counts.requests[what] != want {
			t.Errorf("%s: %d in %v", what, h.counts.requests[what], h.counts.requests)
		}
	}
	if h.counts.in < int64(len(p.object)+len(bad.object)) || h.counts.out == 0 {
		t.Errorf("%d bytes in, %d out", h.counts.in, h.counts.out)
	}
	if n := h.door.Load().Heard(); n != 1 {
		t.Errorf("%d agents were heard", n)
	}
	h.Clock.Add(time.Hour)
	if n := h.door.Load().Heard(); n != 0 {
		t.Errorf("an hour later %d were", n)
	}
}

// TestARefusedBodyIsNotWaitedFor: whoever may not, and takes his time, is cut off soon.
func TestARefusedBodyIsNotWaitedFor(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	c.check(h.agents.Revoke(t.Context(), "operator:test", "acme", "office"))
	h.door.Load().PassWithin(50 * time.Millisecond)
	s := h.slowly(c, connect.PathHeartbeat, connect.Heartbeat{})
	// The rest never comes, and the answer does: within slow's 30 seconds, by far.
	s.rest = nil
	c.refused(s.end(), connect.Revoked)
}
