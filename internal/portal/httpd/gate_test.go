package httpd_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"sealgate/internal/portal/httpd"
)

// ask sends a request on a connection and returns the first line of its answer.
func ask(c io.ReadWriter, path string) (string, error) {
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return "", err
	}
	return bufio.NewReader(c).ReadString('\n')
}

func TestWhoHasWaitedLongestMakesRoom(t *testing.T) {
	for name, opt := range map[string]httpd.Options{"in all": {MaxOpen: 2}, "of one address": {MaxEach: 2}} {
		t.Run(name, func(t *testing.T) {
			d := open(t, opt)
			first, second := d.dial(), d.dial()
			if line, err := ask(first, "/healthz"); err != nil {
				t.Fatal(line, err)
			}
			third := d.dial() // second has never asked: it makes room
			cut(t, second, "the one who has waited longest")
			for _, c := range []io.ReadWriter{third, first} {
				if line, err := ask(c, "/healthz"); err != nil {
					t.Error(line, err)
				}
			}
		})
	}
}

func TestConnectionsAtWorkAreNotPushedOut(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	d := open(t, httpd.Options{MaxEach: 1, API: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		w.WriteHeader(http.StatusNoContent)
	})})
	got := make(chan int, 1)
	go func() {
		resp, err := d.old.Do(d.request("GET", "/api/v1/x", nil))
		if err != nil {
			got <- 0
			return
		}
		resp.Body.Close()
		got <- resp.StatusCode
	}()
	<-begun
	if resp, err := d.client.Get("https://" + d.addr + "/healthz"); err == nil {
		resp.Body.Close()
		t.Error("a second connection of an address that may have one")
	}
	close(finish)
	if status := <-got; status != http.StatusNoContent {
		t.Errorf("the one at work got %d", status)
	}
}

// At the end, transfers under way go on, and waits that have not answered do not hold
// anybody up.
func TestDraining(t *testing.T) {
	begun := make(chan string, 2)
	hurried := make(chan error, 1)
	d := open(t, httpd.Options{
		Hurry: 100 * time.Millisecond, Streams: []string{"PUT /api/v1/files/{name...}"},
		API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begun <- r.URL.Path
			if r.URL.Path == "/api/v1/wait" {
				<-r.Context().Done()
				hurried <- r.Context().Err()
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
			reader(w, r)
		}),
	})
	type result struct {
		status int
		body   string
	}
	results := map[string]chan result{"wait": make(chan result, 1), "upload": make(chan result, 1)}
	send := func(name string, c *http.Client, r *http.Request) {
		resp, err := c.Do(r)
		if err != nil {
			results[name] <- result{0, err.Error()}
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		results[name] <- result{resp.StatusCode, string(b)}
	}
	body, end := io.Pipe()
	go send("wait", d.client, d.request("GET", "/api/v1/wait", nil))
	go send("upload", d.old, d.request("PUT", "/api/v1/files/x", body))
	<-begun
	<-begun
	d.stop()
	if err := <-hurried; err != context.Canceled {
		t.Error(err)
	}
	if got := <-results["wait"]; got.status != http.StatusServiceUnavailable {
		t.Errorf("the wait got %+v", got)
	}
	if c, err := d.newClient(false).Get("https://" + d.addr + "/healthz"); err == nil {
		c.Body.Close()
		t.Error("somebody was let in after the end")
	}
	_, err := end.Write([]byte("the rest"))
	d.check(err)
	end.Close()
	if got := <-results["upload"]; got.status != 200 || got.body != "8 <nil>" {
		t.Errorf("the upload got %+v", got)
	}
	d.check(<-d.ended)
	close(d.ended)
}

func TestDrainingEndsAtItsTime(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	d := open(t, httpd.Options{Drain: 100 * time.Millisecond, Streams: []string{"/api/v1/uploads"}, API: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		close(ended)
	})})
	body, end := io.Pipe()
	defer end.Close()
	go func() {
		if resp, err := d.client.Do(d.request("POST", "/api/v1/uploads", body)); err == nil {
			resp.Body.Close()
		}
	}()
	<-begun
	d.end()
	select {
	case <-ended:
	default:
		t.Error("Run has returned and a request still runs")
	}
}
