package wire

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"golang.org/x/time/rate"

	"sealgate/internal/connect"
)

// Bodies of every length arrive as they are, over one connection after the other, with
// and without a limit; one that is given up in its midst ends.
func TestBodiesArriveWholeOverTLS(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/never" {
			_, _ = io.CopyN(io.Discard, r.Body, 1<<20)
			close(begun)
			<-ended
			return
		}
		h := sha256.New()
		if n, err := io.Copy(h, r.Body); err != nil || n != max(0, r.ContentLength) {
			t.Errorf("%d bytes of %d, %v", n, r.ContentLength, err)
		}
		_, _ = w.Write(h.Sum(nil))
	}))
	t.Cleanup(s.Close)
	client, err := newHTTP(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	for _, limit := range []*rate.Limiter{nil, rate.NewLimiter(1<<30, burst)} {
		c := &Client{limit: limit}
		for _, n := range []int{0, 1, 5000, 64 << 10, 64<<10 + 1, 1 << 20, connect.PartSize} {
			body := make([]byte, n)
			rand.Read(body)
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, s.URL, c.paced(t.Context(), body))
			if err != nil {
				t.Fatal(err)
			}
			r.ContentLength = int64(n)
			_, _, got, err := do(client, r)
			if sum := sha256.Sum256(body); err != nil || !bytes.Equal(got, sum[:]) {
				t.Errorf("%d bytes: other ones arrived, %v", n, err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, s.URL+"/never", bytes.NewReader(make([]byte, 64<<20)))
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-begun; cancel() }()
	if _, _, _, err := do(client, r); !errors.Is(err, context.Canceled) {
		t.Errorf("in the midst: %v", err)
	}
	close(ended)
}
