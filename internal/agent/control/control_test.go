package control

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/status"
	"sealgate/internal/fault"
)

// fixed answers the same always.
type fixed struct{}

func (fixed) Status(context.Context) (*status.Status, error) {
	return &status.Status{
		Running: true, Account: "acme", Hold: &status.Trouble{Code: "timeout", Sentence: "It did not answer."},
		Files: []status.File{{Path: "/pay/<script>alert(1)</script>.xml", State: journal.Found}},
	}, nil
}

func (fixed) Send(_ context.Context, paths []string) error {
	return fault.New(fault.NotFound, "test", "there is no file %s", paths[0])
}

func (fixed) File(_ context.Context, path string) (status.File, error) {
	return status.File{Path: path}, nil
}
func (fixed) Retry(context.Context) error                  { return nil }
func (fixed) Fetch(context.Context) (*status.Fetch, error) { return &status.Fetch{}, nil }

func TestCommandsTalkToTheRunningAgent(t *testing.T) {
	for name, listen := range map[string]func(string) (net.Listener, error){"socket": Listen, "port": listenLoopback} {
		t.Run(name, func(t *testing.T) { talks(t, listen) })
	}
}

func talks(t *testing.T, listen func(string) (net.Listener, error)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "connect.sock")
	c := Dial(path)
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrStopped) {
		t.Fatalf("nobody is there: %v", err)
	}
	l, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); Serve(ctx, l, fixed{}) }()
	s, err := c.Status(t.Context())
	if err != nil || !s.Running || s.Hold.Code != "timeout" {
		t.Errorf("%+v, %v", s, err)
	}
	if err := c.Send(t.Context(), []string{"/a b?c"}); !fault.Is(err, fault.NotFound) || fault.Message(err) != "there is no file /a b?c" {
		t.Errorf("%v", err)
	}
	if f, err := c.File(t.Context(), "/a b?c&d"); err != nil || f.Path != "/a b?c&d" {
		t.Errorf("%+v, %v", f, err)
	}
	if err := c.Retry(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Fetch(t.Context()); err != nil {
		t.Error(err)
	}
	cancel()
	<-done
	if _, err := c.Status(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("it has ended: %v", err)
	}
	if l, err = Listen(path); err != nil { // one that a killed agent left behind
		t.Fatal(err)
	}
	l.Close()
}

// A port of this machine is anybody's to call, and to take when the agent has gone.
func TestThePortIsForWhoReadsTheNote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connect.sock")
	l, err := listenLoopback(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(note(path)); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the note: %v, %v", info, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); Serve(ctx, l, fixed{}) }()
	if resp, err := http.Get("http://" + l.Addr().String() + "/status?" + strings.Repeat("x", 2*wordLen)); err == nil {
		resp.Body.Close()
		t.Error("somebody without the words was answered")
	}
	cancel()
	<-done

	stranger, err := net.Listen("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	go func() {
		if c, err := stranger.Accept(); err == nil {
			_, _ = c.Write([]byte(strings.Repeat("0", wordLen) + "HTTP/1.1 200 OK\r\n\r\n{}"))
			_, _ = io.Copy(io.Discard, c)
		}
	}()
	if _, err := Dial(path).Status(t.Context()); !errors.Is(err, ErrStopped) {
		t.Errorf("a stranger was believed: %v", err)
	}
}

// Who calls the port and says nothing takes no more of the agent than a few connections,
// and when he has gone it answers again.
func TestStrangersAreFew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "connect.sock")
	l, err := listenLoopback(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); Serve(ctx, l, fixed{}) }()
	defer func() { cancel(); <-done }()
	if _, err := Dial(path).Status(t.Context()); err != nil {
		t.Fatal(err)
	}
	var silent []net.Conn
	for range maxStrangers + 1 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
	}
	last := silent[maxStrangers]
	_ = last.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := last.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("one too many was not sent away: %v", err)
	}
	for _, c := range silent {
		c.Close()
	}
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if _, err := Dial(path).Status(t.Context()); err == nil {
			return
		}
	}
	t.Error("it answers nobody any more")
}

// The page shows and does nothing else, and answers no name that a stranger's page
// could have.
func TestThePage(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); Page(ctx, l, fixed{}) }()
	defer func() { cancel(); <-done }()
	ask := func(method, host, path string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.Addr().String()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	code, text := ask("GET", "127.0.0.1:9465", "/")
	if code != 200 || !strings.Contains(text, "It did not answer.") || !strings.Contains(text, "acme") || strings.Contains(text, "<script>alert") {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := ask("GET", "evil.example.com", "/"); code != http.StatusMisdirectedRequest {
		t.Errorf("a stranger's name: %d", code)
	}
	for _, bad := range [][2]string{{"POST", "/"}, {"GET", "/send"}, {"POST", "/send"}} {
		if code, _ := ask(bad[0], "localhost", bad[1]); code != 404 {
			t.Errorf("%s %s: %d", bad[0], bad[1], code)
		}
	}
}
