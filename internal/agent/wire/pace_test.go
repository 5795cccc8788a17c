package wire

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// What is sent under a limit goes out in pieces, each of which waits for its turn; who
// does not want to wait so long is told at once.
func TestABandwidthLimitHolds(t *testing.T) {
	body := make([]byte, 4*burst)
	c := &Client{limit: rate.NewLimiter(1, burst)} // a byte a second
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r := c.paced(ctx, body)
	p := make([]byte, len(body))
	if n, err := r.Read(p); n != burst || err != nil {
		t.Errorf("at first: %d, %v", n, err)
	}
	if n, err := r.Read(p); n != 0 || err == nil {
		t.Errorf("the next piece would take hours: %d, %v", n, err)
	}
	// All pieces of one client, of whatever body, share the limit.
	if n, err := c.paced(ctx, body).Read(p); n != 0 || err == nil {
		t.Errorf("another body: %d, %v", n, err)
	}
	free := &Client{}
	if got, err := io.ReadAll(free.paced(ctx, body)); err != nil || !bytes.Equal(got, body) {
		t.Errorf("without a limit: %d bytes, %v", len(got), err)
	}
}
