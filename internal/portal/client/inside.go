package client

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
)

// Inside returns a client of a handler in this same process: the pages of the portal
// ask the API as everybody else does, but for the wire. Who asks stands in the
// contexts of its calls, and the handler finds it there.
func Inside(h http.Handler) *Client {
	return &Client{http: &http.Client{Transport: inside{h}}}
}

// inside is a round trip that never leaves the process. The handler runs in a
// goroutine of its own, as it would behind a listener, and what it writes can be
// read while it writes; it ends when the answer is closed or the request's context
// ends.
type inside struct{ handler http.Handler }

// errBroken is what the reader is told of a handler that panicked.
var errBroken = errors.New("the handler broke")

// RoundTrip implements http.RoundTripper.
func (t inside) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancel(req.Context())
	in := req.Clone(ctx)
	in.RequestURI = in.URL.RequestURI()
	in.RemoteAddr = "127.0.0.1:0"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	r, w := io.Pipe()
	out := &insideWriter{header: http.Header{}, body: w, begun: make(chan struct{})}
	go func() {
		defer cancel()
		defer in.Body.Close()
		defer func() {
			if cause := recover(); cause != nil {
				slog.ErrorContext(ctx, "client: a request inside the gateway broke its handler", "panic", cause, "stack", string(debug.Stack()))
				out.begin(http.StatusInternalServerError)
				_ = w.CloseWithError(errBroken) // never fails
				return
			}
			out.WriteHeader(http.StatusOK) // when it never did
			out.finish()
			_ = w.Close()
		}()
		t.handler.ServeHTTP(out, in)
	}()
	context.AfterFunc(ctx, func() { _ = w.CloseWithError(context.Cause(ctx)) }) // after a proper end this does nothing

	select {
	case <-ctx.Done():
		if req.Context().Err() != nil {
			return nil, req.Context().Err()
		}
		<-out.begun // the handler is at its end, and has begun to answer before that
	case <-out.begun:
	}
	return &http.Response{
		Status: http.StatusText(out.status), StatusCode: out.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: out.sent, Trailer: out.trailer, ContentLength: -1, Request: req,
		Body: &insideBody{PipeReader: r, cancel: cancel},
	}, nil
}

// insideBody ends its handler when it is closed.
type insideBody struct {
	*io.PipeReader
	cancel context.CancelFunc
}

func (b *insideBody) Close() error {
	defer b.cancel()
	return b.PipeReader.Close()
}

// insideWriter is what the handler writes to. Its fields belong to the handler's
// goroutine until begun is closed; the trailer is filled before the body ends.
type insideWriter struct {
	header  http.Header
	body    *io.PipeWriter
	once    sync.Once
	begun   chan struct{}
	status  int
	sent    http.Header
	trailer http.Header
}

func (w *insideWriter) Header() http.Header { return w.header }

func (w *insideWriter) WriteHeader(status int) { w.begin(status) }

func (w *insideWriter) begin(status int) {
	w.once.Do(func() {
		w.status, w.sent, w.trailer = status, w.header.Clone(), http.Header{}
		close(w.begun)
	})
}

func (w *insideWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Flush implements http.Flusher: nothing is ever held back.
func (w *insideWriter) Flush() { w.WriteHeader(http.StatusOK) }

// finish puts what was announced as trailer there.
func (w *insideWriter) finish() {
	for _, line := range w.sent.Values("Trailer") {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if values, ok := w.header[name]; ok {
				maps.Copy(w.trailer, http.Header{name: values})
			}
		}
	}
}
