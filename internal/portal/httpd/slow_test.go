package httpd_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"sealgate/internal/portal/httpd"
)

// cut wants the door to end a connection.
func cut(t *testing.T, c net.Conn, what string) {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s keeps its connection", what)
	}
}

func TestWhoIsSlowToAskLosesHisConnection(t *testing.T) {
	d := open(t, httpd.Options{Header: 200 * time.Millisecond, Idle: 200 * time.Millisecond, Body: 200 * time.Millisecond})
	silent, err := net.Dial("tcp", d.addr)
	d.check(err)
	defer silent.Close()
	cut(t, silent, "one who does not begin the handshake")
	for what, text := range map[string]string{
		"one who does not end his header": "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"one who asks nothing more":       "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
		// Nobody reads this body: the door waits for its end only so long.
		"one who does not send his body": "POST /api/v1/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc",
	} {
		c, err := tls.Dial("tcp", d.addr, &tls.Config{RootCAs: d.pool})
		if err != nil {
			continue // on a slow machine he is cut before he has said it
		}
		defer c.Close()
		if _, err := io.WriteString(c, text); err == nil {
			cut(t, c, what)
		}
	}
}

func TestHeadersHaveALimit(t *testing.T) {
	d := open(t, httpd.Options{})
	c := d.dial()
	_, err := fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Big: %s\r\n\r\n", long(64<<10))
	d.check(err)
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, "431") {
		t.Errorf("answer %q, %v", line, err)
	}
	r := d.request("GET", "/healthz", nil)
	r.Header.Set("X-Big", long(64<<10))
	if resp, err := d.client.Do(r); err == nil {
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("HTTP/2: status %d", resp.StatusCode)
		}
	}
}

// reader answers with what it could read of the body.
func reader(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &big):
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.WriteHeader(http.StatusRequestTimeout)
	}
	fmt.Fprintf(w, "%d %v", n, err)
}

func TestABodyOfUnknownLengthIsCutAtTheLimit(t *testing.T) {
	d := open(t, httpd.Options{API: http.HandlerFunc(reader), Streams: []string{"PUT /api/v1/files/{name...}"}})
	for _, client := range []*http.Client{d.client, d.old} {
		for path, want := range map[string]int{"/api/v1/x": 413, "/api/v1/files/x": 200} {
			r := d.request("PUT", path, io.MultiReader(strings.NewReader(long(1<<20)), strings.NewReader("y")))
			if a := d.do(client, r); a.StatusCode != want {
				t.Errorf("%s %s: status %d: %s", a.Proto, path, a.StatusCode, a.body)
			}
		}
	}
}

func TestASlowBodyIsCutUnlessItIsAStream(t *testing.T) {
	d := open(t, httpd.Options{
		Body: 200 * time.Millisecond, Streams: []string{"PUT /api/v1/files/{name...}"},
		API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			// Streams set their own; for others the door's time counts.
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
			reader(w, r)
		}),
	})
	for _, client := range []*http.Client{d.client, d.old} {
		body, end := io.Pipe()
		a := d.do(client, d.request("PUT", "/api/v1/x", body))
		if a.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%s: status %d: %s", a.Proto, a.StatusCode, a.body)
		}
		end.Close()

		body, end = io.Pipe()
		time.AfterFunc(600*time.Millisecond, func() { end.Close() })
		if a := d.do(client, d.request("PUT", "/api/v1/files/x", body)); a.StatusCode != 200 {
			t.Errorf("%s: a stream that paused was cut: %d %s", a.Proto, a.StatusCode, a.body)
		}
	}
}

// The time for a body is over when the body is there: what is done with it may take
// longer. A library that sets a shorter time and leaves it does no harm.
func TestWorkMayTakeLongerThanItsBody(t *testing.T) {
	const limit = 150 * time.Millisecond
	d := open(t, httpd.Options{
		Body: limit, Write: limit,
		API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength != 0 {
				_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(limit))
			}
			_, _ = io.Copy(io.Discard, r.Body)
			fmt.Fprint(w, "begun ")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
				panic(http.ErrAbortHandler)
			case <-time.After(4 * limit): // the work
			}
			fmt.Fprint(w, "done")
		}),
	})
	for _, client := range []*http.Client{d.client, d.old} {
		for _, body := range []string{"{}", "{}", ""} { // on one connection
			r := d.request("POST", "/api/v1/x", strings.NewReader(body))
			if a := d.do(client, r); a.body != "begun done" {
				t.Errorf("%s, body %q: %q", a.Proto, body, a.body)
			}
		}
	}
}

func TestWhoDoesNotReadHisAnswerIsCut(t *testing.T) {
	broken := make(chan error, 1)
	d := open(t, httpd.Options{
		Write: 200 * time.Millisecond,
		API: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			piece := []byte(long(64 << 10))
			for range 4096 {
				if _, err := w.Write(piece); err != nil {
					broken <- err
					return
				}
			}
			broken <- nil
		}),
	})
	c := d.dial()
	_, err := io.WriteString(c, "GET /api/v1/x HTTP/1.1\r\nHost: x\r\n\r\n")
	d.check(err)
	if err := <-broken; err == nil {
		t.Error("256 MiB went to somebody who does not read")
	}
	resp, err := d.client.Do(d.request("GET", "/api/v1/x", nil))
	d.check(err)
	defer resp.Body.Close()
	if err := <-broken; err == nil {
		t.Error("HTTP/2: 256 MiB went to somebody who does not read")
	}
}
