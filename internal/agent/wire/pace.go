package wire

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"
)

// burst is how much is sent in one go under a bandwidth limit.
const burst = 16 << 10

// paced reads a body no faster than the limit.
func (c *Client) paced(ctx context.Context, body []byte) io.Reader {
	switch {
	case body == nil:
		return nil
	case c.limit == nil:
		return bytes.NewReader(body)
	}
	return &pacer{ctx, bytes.NewReader(body), c.limit}
}

type pacer struct {
	ctx   context.Context
	r     *bytes.Reader
	limit *rate.Limiter
}

func (p *pacer) Read(b []byte) (int, error) {
	n, err := p.r.Read(b[:min(len(b), burst)])
	if n > 0 {
		if err := p.limit.WaitN(p.ctx, n); err != nil {
			return 0, err
		}
	}
	return n, err
}

// Backoff says how long to wait after so many tries in vain: from a second to five
// minutes, doubled each time, and never the same for two agents.
func Backoff(tries int) time.Duration {
	const first, most = time.Second, 5 * time.Minute
	d := most
	if tries < 9 {
		d = min(first<<max(tries, 0), most)
	}
	return d/2 + rand.N(d/2+1)
}
