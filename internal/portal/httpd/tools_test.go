package httpd_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealgate/internal/needtest"
	"sealgate/internal/portal/httpd"
)

// Programs that are not ours: they must come in, or must not, or judge.

func TestCurlComesIn(t *testing.T) {
	curl := needtest.Program(t, "curl")
	d := open(t, httpd.Options{
		Host: "gw.example.com", Streams: []string{"PUT /api/v1/files/{name...}"},
		API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer sgt_good" {
				http.Error(w, "sign in", http.StatusUnauthorized)
				return
			}
			n, err := io.Copy(io.Discard, r.Body)
			fmt.Fprintln(w, r.Proto, n, err)
		}),
	})
	big := filepath.Join(t.TempDir(), "big")
	d.check(os.WriteFile(big, make([]byte, 5<<20), 0o600))
	_, port, err := net.SplitHostPort(d.addr)
	d.check(err)
	site := "https://gw.example.com:" + port
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), curl, append([]string{
			"-sS", "--max-time", "20", "--cacert", d.ca, "--connect-to", "gw.example.com:" + port + ":" + d.addr, "-w", "%{http_code} %{num_redirects}",
		}, args...)...)
		out, err := cmd.CombinedOutput()
		return strings.TrimSpace(fmt.Sprintf("%s %v", out, err))
	}
	for proto, flag := range map[string]string{"HTTP/2.0": "--http2", "HTTP/1.1": "--http1.1"} {
		if got, want := run(flag, "-H", "Authorization: Bearer sgt_good", "-T", big, site+"/api/v1/files/"), fmt.Sprintf("%s %d <nil>\n200 0 <nil>", proto, 5<<20); got != want {
			t.Errorf("curl %s -T: %q, want %q", flag, got, want)
		}
		// Refused before the body is sent.
		if got := run(flag, "-H", "Expect: 100-continue", "-T", big, site+"/api/v1/files/"); !strings.HasPrefix(got, "sign in\n401 ") {
			t.Errorf("curl %s -T without a token: %q", flag, got)
		}
	}
	if got := run("--compressed", site+"/healthz"); !strings.HasSuffix(got, "200 0 <nil>") {
		t.Errorf("healthz: %q", got)
	}
	if got := run("--tls-max", "1.2", site+"/healthz"); !strings.Contains(got, "exit status 35") {
		t.Errorf("TLS 1.2: %q", got)
	}
	if got := run("--path-as-is", site+"/healthz/../api/v1/files/x"); !strings.Contains(got, "400 0 <nil>") {
		t.Errorf("a path with a detour: %q", got)
	}
}

func TestOpenSSLSpeaksTLS13AndNothingOlder(t *testing.T) {
	openssl := needtest.Program(t, "openssl")
	d := open(t, httpd.Options{})
	for flag, want := range map[string]bool{"-tls1_3": true, "-tls1_2": false, "-tls1_1": false, "-tls1": false} {
		cmd := exec.CommandContext(t.Context(), openssl, "s_client", "-connect", d.addr, flag, "-CAfile", d.ca, "-verify_return_error", "-cipher", "ALL:@SECLEVEL=0")
		out, err := cmd.CombinedOutput()
		if done := strings.Contains(string(out), "Verify return code: 0 (ok)") && err == nil; done != want {
			t.Errorf("%s: %v\n%s", flag, err, out)
		}
	}
}

// accepted is what testssl.sh may note.
var accepted = []string{
	"engine_problem",                   // of its own
	"cert_revocation", "DNS_CAArecord", // nobody revokes a certificate that we signed, and 127.0.0.1 has no name
	"TLS_session_ticket", // a week; in TLS 1.3 each resumption exchanges keys anew
}

func TestTestSSLFindsNothingOfNote(t *testing.T) {
	testssl := needtest.Program(t, "testssl")
	d := open(t, httpd.Options{})
	file := filepath.Join(t.TempDir(), "findings.json")
	args, least := []string{"--protocols", "--server-preference", "--fs"}, 15
	if os.Getenv("SEALGATE_LONG") != "" { // everything takes a minute or more
		args, least = nil, 50
	}
	args = append(args, "--quiet", "--color", "0", "--warnings", "off", "--add-ca", d.ca, "--jsonfile", file, d.addr)
	cmd := exec.CommandContext(t.Context(), testssl, args...)
	out, _ := cmd.CombinedOutput() // its exit code counts findings
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var found []struct{ ID, Severity, Finding string }
	d.check(json.Unmarshal(text, &found))
	if len(found) < least {
		t.Fatalf("it looked at %d things only\n%s", len(found), out)
	}
	for _, f := range found {
		if slices.Contains([]string{"OK", "INFO"}, f.Severity) || slices.Contains(accepted, strings.Fields(f.ID)[0]) {
			continue
		}
		t.Errorf("%s %s: %s", f.Severity, f.ID, f.Finding)
	}
}
