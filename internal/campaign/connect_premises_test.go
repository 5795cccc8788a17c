package campaign

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// premises is a customer's machine with Connect on it.
type premises struct {
	agent
	folder string // watched
	outbox string
	cmd    *exec.Cmd
}

// newPremises enrols a Connect of acme, by this address of the gateway.
func newPremises(t *testing.T, g *gateway, name, url string) *premises {
	t.Helper()
	home := t.TempDir()
	p := &premises{agent: agent{t: t, dir: filepath.Join(home, "connect")}, folder: filepath.Join(home, "payments"), outbox: filepath.Join(home, "from-bank")}
	for _, dir := range []string{p.folder, p.outbox} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	p.enroll(g, "acme", name, url)
	settings := fmt.Sprintf("folders:\n  - path: %q\n    settle: 100ms\noutbox: %q\nproxy: direct\n", p.folder, p.outbox)
	if err := os.WriteFile(filepath.Join(p.dir, "connect.yaml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.leave)
	return p
}

// leave ends it, and tells what it logged when the test failed.
func (p *premises) leave() {
	p.kill()
	if p.t.Failed() {
		text, _ := os.ReadFile(filepath.Join(p.dir, "connect.log"))
		p.t.Logf("the log of Connect ends:\n%s", text[max(0, len(text)-4000):])
	}
}

func (p *premises) start() {
	p.t.Helper()
	p.cmd = p.connect(context.Background(), "run")
	p.cmd.SysProcAttr = dieWithTest()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// kill ends it as a power cut would.
func (p *premises) kill() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
		p.cmd = nil
	}
}

// until waits for something that comes by itself.
func (p *premises) until(what string, is func() bool) {
	p.t.Helper()
	tick, late := time.NewTicker(50*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			p.t.Fatalf("after a minute, not: %s\n%s", what, p.must("status"))
		}
	}
}

// put writes a file as an ERP does.
func (p *premises) put(name string, content []byte) {
	p.t.Helper()
	path := filepath.Join(p.folder, name)
	if err := os.WriteFile(path+".tmp", content, 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		p.t.Fatal(err)
	}
}

// sent reports whether a file was put away.
func (p *premises) sent(name string) bool {
	_, err := os.Stat(filepath.Join(p.folder, "sent", name))
	return err == nil
}

// arrived fails unless the gateway has each of these contents exactly once, and every
// receipt that is here verifies.
func (p *premises) arrived(g *gateway, want map[string][]byte) {
	p.t.Helper()
	list := g.files("acme")
	if len(list) != len(want) {
		p.t.Errorf("the gateway has %d files, want %d", len(list), len(want))
	}
	for _, f := range list {
		if sum := sha256.Sum256(want[f.Name]); f.SHA256 != fmt.Sprintf("%x", sum) || f.Source != "connect" {
			p.t.Errorf("%s came as another content, or from %s", f.Name, f.Source)
		}
	}
	receipts := 0
	err := filepath.WalkDir(filepath.Join(p.dir, "receipts"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		receipts++
		g.must("receipt", "verify", path)
		return nil
	})
	if err != nil || receipts != len(want) {
		p.t.Errorf("%d receipts of %d files, %v", receipts, len(want), err)
	}
}

const (
	secretName    = "SALARIES-OF-THE-BOARD"
	secretContent = "IBAN-OF-SOMEBODY-WHO-IS-NOT-TO-BE-SEEN"
)

// secretFiles are small and large, and full of what nobody is to see.
func secretFiles() map[string][]byte {
	large := bytes.Repeat([]byte(secretContent+" "), 150_000) // several parts
	return map[string][]byte{
		secretName + "-1.xml": []byte("<pay>" + secretContent + "</pay>"),
		secretName + "-2.xml": large,
		secretName + "-3.xml": []byte("another <pay>" + secretContent + "</pay>"),
	}
}

// Over HTTPS, with a certificate that the gateway has made itself: the code pins the
// gateway, and it vouches for the certificate.
func TestCampaignConnectByHTTPS(t *testing.T) {
	g := newConnectGateway(t)
	g.account("acme", "keep")
	p := newPremises(t, g, "erp", "https://"+g.addr("https"))
	all := secretFiles()
	for name, content := range all {
		p.put(name, content)
	}
	p.start()
	for name := range all {
		p.until(name+" is in sent/", func() bool { return p.sent(name) })
	}
	p.arrived(g, all)
	answer := filepath.Join(t.TempDir(), secretName+"-answer.txt")
	if err := os.WriteFile(answer, []byte(secretContent), 0o600); err != nil {
		t.Fatal(err)
	}
	g.must("file", "send", "acme", answer)
	p.must("fetch")
	if got, err := os.ReadFile(filepath.Join(p.outbox, filepath.Base(answer))); err != nil || string(got) != secretContent {
		t.Errorf("the answer came as %q, %v", got, err)
	}
	var s struct {
		Running bool `json:"running"`
		Queue   struct{ Waiting, Failed int }
	}
	if err := json.Unmarshal([]byte(p.must("status", "--json")), &s); err != nil || !s.Running || s.Queue.Waiting+s.Queue.Failed != 0 {
		t.Errorf("status: %+v, %v", s, err)
	}
	by := filepath.Join(t.TempDir(), "by-hand.xml")
	if err := os.WriteFile(by, []byte("sent by hand"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.must("send", by, "--wait")
	p.must("send", by, "--wait") // the same once more is the same
	g.named("acme", "by-hand.xml", 1)
	if _, err := os.Stat(by); err != nil {
		t.Errorf("a file that was sent by hand is not where it was: %v", err)
	}
	if out, errs, code := p.command("doctor"); code != 0 {
		t.Errorf("doctor: %d\n%s%s", code, out, errs)
	}
	g.must("agent", "rm", "acme", "erp")
	p.put("late.xml", []byte("too late"))
	p.until("it says that it was revoked", func() bool { return strings.Contains(p.must("status"), "revoked") })
	if out, _, code := p.command("doctor"); code != 1 || !strings.Contains(out, "revoked") {
		t.Errorf("doctor of a revoked agent: %d\n%s", code, out)
	}
}

// Agent, gateway and the wire between them are cut again and again while files
// appear: each arrives exactly once, bit by bit, and is put away with its receipt.
func TestCampaignConnectKilled(t *testing.T) {
	g := newConnectGateway(t)
	g.account("acme", "keep")
	way := newRoad(t, func() string { return g.addr("http") })
	p := newPremises(t, g, "erp", "http://"+way.addr())
	p.start()
	rng := rand.New(rand.NewPCG(1, 2))
	all := map[string][]byte{}
	cuts, files := pick(6, 500), pick(36, 2000)
	began, kinds, midway := time.Now(), [3]int{}, 0
	for i := range cuts {
		for range files / cuts {
			name := fmt.Sprintf("pay-%d.xml", len(all))
			content := make([]byte, 1+rng.IntN(40_000))
			if rng.IntN(20) == 0 {
				content = make([]byte, 1<<20+rng.IntN(6<<20))
			}
			for k := range content {
				content[k] = byte(rng.Uint32())
			}
			all[name] = content
			p.put(name, content)
		}
		sent := rng.IntN(len(all))
		p.until("some are sent", func() bool { return p.count() >= min(sent, len(all)) })
		kinds[i%3]++
		if p.count() < len(all) {
			midway++
		}
		switch i % 3 {
		case 0:
			p.kill()
			p.start()
		case 1:
			g.kill()
			g.start()
		case 2:
			way.cut()
		}
	}
	for name := range all {
		p.until(name+" is in sent/", func() bool { return p.sent(name) })
	}
	took := time.Since(began).Round(time.Second)
	p.arrived(g, all)
	t.Logf("%d files sent in %v, past %d cuts: Connect killed %d times, the gateway %d times, the way between them cut %d times; %d of the cuts while files were under way",
		len(all), took, cuts, kinds[0], kinds[1], kinds[2], midway)
	for name, content := range all {
		if there, err := os.ReadFile(filepath.Join(p.folder, "sent", name)); err != nil || !bytes.Equal(there, content) {
			t.Errorf("%s in sent/: %v", name, err)
		}
	}
}

// count is how many files were put away.
func (p *premises) count() int {
	list, err := os.ReadDir(filepath.Join(p.folder, "sent"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Fatal(err)
	}
	return len(list)
}
