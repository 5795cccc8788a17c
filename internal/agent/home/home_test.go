package home

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"sealgate/internal/connect"
	"sealgate/internal/fault"
)

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "connect.yaml")
	s, err := parseSettings(name, []byte(`
# as the supplier wrote it
proxy: http://erp:s3cret@proxy.example.com:3128
folders:
  - path: /srv/payments
    include: ["*.xml", "*.txt"]
    settle: 10s
    after: delete
    ordered: true
  - path: salaries
    subfolders: true
outbox: /srv/from-bank
fetch:
  as: sealed
bandwidth: 10 Mbit/s
status.listen: 127.0.0.1:9465
`))
	if err != nil {
		t.Fatal(err)
	}
	a, b := s.Folders[0], s.Folders[1]
	if a.Path != "/srv/payments" || len(a.Files.Include) != 2 || a.Settle != 10*time.Second || a.Untold != 10*time.Second || a.After != Delete || !a.Ordered || a.Subfolders {
		t.Errorf("first folder: %+v", a)
	}
	if b.Path != filepath.Join(dir, "salaries") || b.Settle != 2*time.Second || b.Untold != 30*time.Second || b.After != Move || !b.Subfolders || b.Ordered {
		t.Errorf("second folder: %+v", b)
	}
	if s.Bandwidth != 1_250_000 || s.As != Sealed || s.Outbox != "/srv/from-bank" || s.Status != "127.0.0.1:9465" || s.Parallel != 4 {
		t.Errorf("settings: %+v", s)
	}
}

func TestWhatIsWrongIsNamedWithItsLine(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"folders:\n  - path: /a\n    setle: 3s\n", `connect.yaml:3: there is no setting "folders.setle"; did you mean "folders.settle"?`},
		{"outbx: /a\n", `connect.yaml:1: there is no setting "outbx"; did you mean "outbox"?`},
		{"folders:\n  - include: '*.xml'\n", "connect.yaml:2: this folder has no path"},
		{"folders:\n  - /srv\n", `connect.yaml:2: "folders" is a list of items like "- path: /srv/payments"`},
		{"folders:\n  - path: /a\n  - path: /a\n", "would be sent twice"},
		{"folders:\n  - path: /a\n    subfolders: true\n  - path: /a/b\n", "would be sent twice"},
		{"folders:\n  - path: /a\n  - path: /a/Sent\n", "would be sent twice"},
		{"folders:\n  - path: /a/sent/b\n  - path: /a\n", "would be sent twice"},
		{"outbox: /a/in\nfolders:\n  - path: /a\n    subfolders: true\n", "would be sent back"},
		{"folders:\n  - path: /a\n    path: /b\n", "already defined"},
		{"folders:\n  - path: /a\n    after: burn\n", `connect.yaml:3: folders.after: "burn" is none of`},
		{"folders:\n  - path: /a\n    settle: soon\n", "connect.yaml:3: folders.settle"},
		{"folders:\n  - path: /a\n    include: '[x'\n", "connect.yaml:2: "},
		{"status.listen: 0.0.0.0:9465\n", "this machine only"},
		{"bandwidth: much\n", "connect.yaml:1: bandwidth"},
		{"bandwidth: 1 kbit/s\n", "at least 10 kB/s"},
		{"parallel: 100\n", "from 1 to 16"},
		{"proxy: ftp://x\n", "connect.yaml:1: proxy"},
		{"a: [\n", "connect.yaml:"},
		{"- a\n", "expected settings"},
		{"gateway: {a: b}\n", "there is no setting \"gateway.a\""},
	} {
		_, err := parseSettings("connect.yaml", []byte(c.text))
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), c.want) {
			t.Errorf("%q: %v, want %q", c.text, err, c.want)
		}
	}
}

func TestNoSettingsAreTheDefaults(t *testing.T) {
	s, err := Home(t.TempDir()).Settings()
	if err != nil || len(s.Folders) != 0 || s.Parallel != 4 || s.As != Opened {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestKeysComeBackAndAreTheirOwnersOnly(t *testing.T) {
	h := Home(filepath.Join(t.TempDir(), "connect"))
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	k, err := connect.NewAgentKeys()
	if err != nil {
		t.Fatal(err)
	}
	e := Enrolment{SignKey: k.Sign.Public().(ed25519.PublicKey)}
	if _, err := h.Keys(e); !fault.Is(err, fault.NotFound) {
		t.Fatalf("no keys yet: %v", err)
	}
	if err := h.SetPending(k); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first time they are settled
		again, err := h.Keys(e)
		if err != nil || !again.Sign.Equal(k.Sign) || !bytes.Equal(again.Receive.PublicKey().Bytes(), k.Receive.PublicKey().Bytes()) {
			t.Fatalf("the keys are others after reading them back: %v", err)
		}
	}
	other, err := connect.NewAgentKeys()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.SetPending(other); err != nil { // an enrolment that did not end changes nothing
		t.Fatal(err)
	}
	if again, err := h.Keys(e); err != nil || !again.Sign.Equal(k.Sign) {
		t.Fatalf("%v", err)
	}
	if _, err := h.Keys(Enrolment{SignKey: make([]byte, 32)}); !fault.Is(err, fault.Damaged) {
		t.Fatalf("keys of another enrolment: %v", err)
	}
	for name, mode := range map[string]os.FileMode{h.Key(): 0o600, string(h): 0o700} {
		info, err := os.Stat(name)
		if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	text, err := os.ReadFile(h.Key())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range [][]byte{nil, text[:len(text)/2], []byte("-----BEGIN X-----\nAAAA\n-----END X-----\n")} {
		if err := os.WriteFile(h.Key(), bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Keys(e); !fault.Is(err, fault.Damaged) {
			t.Errorf("a damaged key file: %v", err)
		}
	}
}

func TestEnrolment(t *testing.T) {
	h := Home(t.TempDir())
	if _, err := h.Enrolled(); !fault.Is(err, fault.NotFound) || !strings.Contains(fault.Message(err), "connect enroll") {
		t.Errorf("not enrolled: %v", err)
	}
	if err := os.WriteFile(h.About(), []byte(`{"gateway":"https://x"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Enrolled(); !fault.Is(err, fault.Damaged) {
		t.Errorf("half an enrolment: %v", err)
	}
}

func TestFind(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"SEALGATE_CONNECT_DIR": "/from/environment", "HOME": "/home/x"}[name]
	}
	if h, err := Find("", env); err != nil || string(h) != "/from/environment" {
		t.Errorf("%s, %v", h, err)
	}
	if h, err := Find("/from/flag", env); err != nil || string(h) != "/from/flag" {
		t.Errorf("%s, %v", h, err)
	}
	if h, err := Find("", func(string) string { return "" }); err != nil || !filepath.IsAbs(string(h)) {
		t.Errorf("%s, %v", h, err)
	}
}
