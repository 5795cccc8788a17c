package connectd_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// wireOf is a request as it is written to a connection, HTTP/1.1.
func wireOf(t testing.TB, r *http.Request, body []byte) []byte {
	t.Helper()
	out := r.Clone(t.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	out.Header.Set("User-Agent", "test")
	var b bytes.Buffer
	if err := out.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// raw writes a request to a connection of its own, as it is, and returns the status of
// the answer; 0 when there is none.
func (h *house) raw(wire []byte) int { return h.speak(wire, false) }

// rawCut does the same with a connection that ends behind it.
func (h *house) rawCut(wire []byte) int { return h.speak(wire, true) }

func (h *house) speak(wire []byte, cut bool) int {
	h.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.plain.URL, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		h.t.Fatal(err)
	}
	if _, err := conn.Write(wire); err != nil {
		return 0
	}
	if cut {
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			return 0
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}
