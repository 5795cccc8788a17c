package campaign

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// connectProgram is the agent, built once.
var connectProgram = sync.OnceValue(func() string {
	name := filepath.Join(scratch, "connect")
	build := exec.Command("go", "build", "-o", name, "sealgate/cmd/connect")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("connect does not build: %v\n%s", err, out))
	}
	return name
})

// agent is one installed Connect.
type agent struct {
	t   testing.TB
	dir string

	// program makes a command of Connect, when it is not this machine's own program
	program func(ctx context.Context, args ...string) *exec.Cmd
}

func (a *agent) connect(ctx context.Context, args ...string) *exec.Cmd {
	if a.program != nil {
		return a.program(ctx, args...)
	}
	return exec.CommandContext(ctx, connectProgram(), append(args, "--dir", a.dir)...)
}

func (a *agent) command(args ...string) (stdout, stderr string, code int) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return runToEnd(a.t, a.connect(ctx, args...), args)
}

func (a *agent) must(args ...string) string {
	a.t.Helper()
	out, errs, code := a.command(args...)
	if code != 0 {
		a.t.Fatalf("connect %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// enroll invites it and enrols it at an address.
func (a *agent) enroll(g *gateway, account, name, url string) {
	a.t.Helper()
	var made struct{ Code string }
	g.mustJSON(&made, "agent", "invite", account, name, "--may", "send,fetch,open")
	a.must("enroll", "--gateway", url, "--code", made.Code)
}

// enrolled is a new agent that is enrolled at an address.
func (g *gateway) enrolled(account, name, url string) *agent {
	g.t.Helper()
	a := &agent{t: g.t, dir: g.t.TempDir()}
	a.enroll(g, account, name, url)
	return a
}

// newConnectGateway is a gateway that lets agents in by plain HTTP, too.
func newConnectGateway(t testing.TB) *gateway {
	t.Helper()
	g := newGateway(t, "")
	g.stop()
	g.env = append(g.env, "SEALGATE_HTTP_LISTEN=127.0.0.1:0", "SEALGATE_HTTP_CONNECT=true", "SEALGATE_HTTPS_URL=https://gateway.example.com")
	g.start()
	return g
}

// tap is what stands between agents and gateway: it sees everything, and changes a byte
// when it is told to.
type tap struct {
	t      testing.TB
	l      net.Listener
	target func() string
	work   sync.WaitGroup

	mu         sync.Mutex
	up, down   [][]byte // what went each way, by connection
	open       []net.Conn
	spoilUp    int64 // the byte that is changed next, counted over all that goes; -1 = none
	spoilDown  int64
	countUp    int64
	countDown  int64
	spoiledOne bool
}

func newTap(t testing.TB, target func() string) *tap {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{t: t, l: l, target: target, spoilUp: -1, spoilDown: -1}
	p.work.Go(p.serve)
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.open {
			c.Close()
		}
		p.mu.Unlock()
		p.work.Wait()
	})
	return p
}

func (p *tap) url() string { return "http://" + p.l.Addr().String() }

func (p *tap) serve() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target())
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, client, server)
		p.up, p.down = append(p.up, nil), append(p.down, nil)
		n := len(p.up) - 1
		p.mu.Unlock()
		p.work.Go(func() { p.carry(server, client, n, true) })
		p.work.Go(func() { p.carry(client, server, n, false) })
	}
}

func (p *tap) carry(to, from net.Conn, connection int, up bool) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			p.see(buf[:n], connection, up)
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// see remembers what goes by, as it was before a byte of it is changed.
func (p *tap) see(b []byte, connection int, up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen, count, spoil := &p.up[connection], &p.countUp, &p.spoilUp
	if !up {
		seen, count, spoil = &p.down[connection], &p.countDown, &p.spoilDown
	}
	*seen = append(*seen, b...)
	if at := *spoil - *count; *spoil >= 0 && at >= 0 && at < int64(len(b)) {
		b[at] ^= 1
		*spoil, p.spoiledOne = -1, true
	}
	*count += int64(len(b))
}

// spoil changes the byte that comes so much later.
func (p *tap) spoil(up bool, after int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoilUp, p.spoilDown, p.spoiledOne = -1, -1, false
	if up {
		p.spoilUp = p.countUp + after
	} else {
		p.spoilDown = p.countDown + after
	}
}

func (p *tap) spoiled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spoiledOne
}

// seen returns all that went by.
func (p *tap) seen() (all []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range append(append([][]byte(nil), p.up...), p.down...) {
		all = append(all, b...)
	}
	return all
}

// requests returns what was asked, byte for byte.
func (p *tap) requests() (all []*http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.up {
		in := bufio.NewReader(bytes.NewReader(b))
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				break
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				break
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			all = append(all, r)
		}
	}
	return all
}

// TestConnectOverSomebodyElsesWire: two real programs, plain HTTP, and somebody in
// between who reads everything, sends everything again, and changes a byte here and
// there. He learns no name and no content, and all that he achieves is that it takes
// longer.
func TestConnectOverSomebodyElsesWire(t *testing.T) {
	g := newConnectGateway(t)
	g.account("acme-of-marker", "keep")
	wire := newTap(t, func() string { return g.addr("http") })
	a := g.enrolled("acme-of-marker", "office-of-marker", wire.url())
	work := t.TempDir()
	sent := map[string][32]byte{}
	send := func(name string, size int) {
		t.Helper()
		content := bytes.Repeat([]byte(name+" marker-of-content\n"), 1+size/40)
		path := filepath.Join(work, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		a.must("send", path, "--wait")
		sent[name] = sha256.Sum256(content)
	}
	send("marker-small.txt", 100)
	send("marker-large.txt", 3<<20)
	answer := filepath.Join(work, "marker-answer.txt")
	if err := os.WriteFile(answer, []byte("marker-of-answer"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.must("file", "send", "acme-of-marker", answer)
	inbox := filepath.Join(work, "inbox")
	settings, err := os.OpenFile(filepath.Join(a.dir, "connect.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = settings.WriteString("\noutbox: " + inbox + "\n")
	}
	if err != nil || settings.Close() != nil || os.MkdirAll(inbox, 0o700) != nil {
		t.Fatal(err)
	}
	a.must("fetch")
	if got, err := os.ReadFile(filepath.Join(inbox, "marker-answer.txt")); err != nil || string(got) != "marker-of-answer" {
		t.Errorf("fetched: %q, %v", got, err)
	}
	g.settle(time.Minute)

	seen := wire.seen()
	if len(seen) < 2<<20 {
		t.Fatalf("only %d bytes went by", len(seen))
	}
	for name, sum := range sent {
		for _, marker := range []string{"marker", name, string(sum[:8]), hex.EncodeToString(sum[:8])} {
			if bytes.Contains(seen, []byte(marker)) {
				t.Errorf("what went over the wire holds %q", marker)
			}
		}
	}
	wire.replay(g)
	for i, at := range []struct {
		up    bool
		after int64
	}{{true, 5}, {true, 90}, {true, 500}, {true, 800}, {true, 2000}, {true, 3500}, {true, 2 << 20}, {false, 12}, {false, 300}, {false, 700}, {false, 1500}, {false, 3000}} {
		wire.spoil(at.up, at.after)
		send(fmt.Sprintf("marker-spoilt-%d.txt", i), 300+int(at.after/(1<<20))*(2<<20)) // the one in the midst of a part needs parts
		if !wire.spoiled() {
			t.Errorf("nothing was changed at %+v", at)
		}
	}
	g.settle(time.Minute)
	for name, sum := range sent {
		if f := g.named("acme-of-marker", name, 1)[0]; f.Source != "connect" || f.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: %+v", name, f)
		}
	}
	// The same program over HTTPS, whose certificate nobody but the gateway vouches for.
	b := g.enrolled("acme-of-marker", "second-of-marker", "https://"+g.addr("https"))
	a = b
	send("marker-by-https.txt", 100)
	g.named("acme-of-marker", "marker-by-https.txt", 1)
}

// replay sends all that went by again, at once and after a restart.
func (p *tap) replay(g *gateway) {
	p.t.Helper()
	count := func() string {
		return fmt.Sprint(len(g.files()), " files, ", strings.Count(g.must("audit", "ls", "--json", "--limit", "0"), "\"agent:"), " acts of agents")
	}
	all := p.requests()
	if len(all) < 8 {
		p.t.Fatalf("only %d requests went by", len(all))
	}
	for _, when := range []string{"at once", "after a restart"} {
		before := count()
		if strings.Contains(before, " 0 acts") {
			p.t.Fatal("nothing is on record")
		}
		for _, r := range all {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			again, err := http.NewRequestWithContext(p.t.Context(), r.Method, "http://"+g.addr("http")+r.RequestURI, bytes.NewReader(body))
			if err != nil {
				p.t.Fatal(err)
			}
			again.Header = r.Header.Clone()
			resp, err := http.DefaultClient.Do(again)
			if err != nil {
				p.t.Fatal(err)
			}
			resp.Body.Close()
			if signed := r.Header.Get("Signature") != ""; signed && resp.StatusCode != http.StatusConflict {
				p.t.Errorf("%s: %s %s is answered %d", when, r.Method, r.RequestURI, resp.StatusCode)
			}
		}
		if after := count(); after != before {
			p.t.Errorf("%s: %s became %s", when, before, after)
		}
		g.stop()
		g.start()
	}
}
