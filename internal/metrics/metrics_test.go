package metrics

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scrape(t *testing.T, s *Set) string {
	t.Helper()
	w := httptest.NewRecorder()
	s.Handler(false).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestEverythingCountedIsShown(t *testing.T) {
	s := New()
	s.Arrival("sftp", "received", 100)
	s.Arrival("sftp", "cut", 7)
	s.Indexed("", "refused", time.Second)
	s.SignIn("sftp", "password", "refused")
	s.Request("list-files", 200, time.Millisecond)
	s.Connect("whole", "ok", 700, 300)
	s.Connect("whole", "damaged", 7, 3)
	s.Level("jobs", "Jobs.", func() float64 { return 3 })
	end := s.Session("sftp")
	got := scrape(t, s)
	for _, want := range []string{
		`sealgate_arrivals_total{outcome="received",source="sftp"} 1`,
		`sealgate_received_bytes_total{source="sftp"} 100`,
		`sealgate_indexed_total{format="unknown",outcome="refused"} 1`,
		`sealgate_index_seconds_count{format="unknown"} 1`,
		`sealgate_sign_ins_total{door="sftp",method="password",outcome="refused"} 1`,
		`sealgate_jobs 3`,
		`sealgate_connect_requests_total{operation="whole",result="damaged"} 1`,
		`sealgate_connect_bytes_total{direction="in"} 707`,
		`sealgate_connect_bytes_total{direction="out"} 303`,
		`sealgate_api_requests_total{operation="list-files",status="200"} 1`,
		`sealgate_api_request_seconds_count{operation="list-files"} 1`,
		`sealgate_sessions{door="sftp"} 1`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
	end()
	if !strings.Contains(scrape(t, s), `sealgate_sessions{door="sftp"} 0`) {
		t.Error("a session that ended is still shown")
	}
}

func TestANilSetCountsNothing(t *testing.T) {
	var s *Set
	s.Arrival("sftp", "received", 1)
	s.Indexed("x", "indexed", 0)
	s.SignIn("sftp", "key", "ok")
	s.Session("sftp")()
	s.Request("list-files", 200, 0)
	s.Connect("whole", "ok", 1, 1)
}

func TestProfilesStayOnThisMachine(t *testing.T) {
	w := httptest.NewRecorder()
	New().Handler(false).ServeHTTP(w, httptest.NewRequest("GET", "/debug/pprof/heap", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("profiles without profiling: %d", w.Code)
	}
	for addr, want := range map[string]bool{"127.0.0.1:1": true, "[::1]:1": true, "10.0.0.1:1": false, "0.0.0.0:1": false, "[::]:1": false} {
		if isLoopback(addr) != want {
			t.Errorf("isLoopback(%s) = %v", addr, !want)
		}
	}
}

func TestServeAnswersByAddressOnlyAndEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- New().Serve(ctx, l) }()
	for host, want := range map[string]int{"": 200, "localhost": 200, "evil.example": 421} {
		req, err := http.NewRequest("GET", "http://"+l.Addr().String()+"/debug/pprof/cmdline", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("host %q: %d, want %d", host, resp.StatusCode, want)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
