package connectd

import (
	"io"
	"net/http"
)

// counted tells Observe how a request to one operation went.
func (d *Door) counted(operation string, h http.Handler) http.Handler {
	if d.Observe == nil {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := &counting{ResponseWriter: w, result: "ok"}
		body := &countingBody{ReadCloser: r.Body}
		r.Body = body
		h.ServeHTTP(c, r)
		d.Observe(operation, c.result, body.n, c.n)
	})
}

// counting is an answer that is counted; result is "ok" or the reason of a refusal.
type counting struct {
	http.ResponseWriter
	result string
	n      int64
}

// Unwrap is for http.ResponseController.
func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counting) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n += int64(n)
	return n, err
}

// refused notes the reason for whoever counts.
func refused(w http.ResponseWriter, reason string) {
	if c, ok := w.(*counting); ok {
		c.result = reason
	}
}

type countingBody struct {
	io.ReadCloser
	n int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// Heard is how many agents were believed in the last ten minutes.
func (d *Door) Heard() int { return d.memory.heard(d.Now()) }
