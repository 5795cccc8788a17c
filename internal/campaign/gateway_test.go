package campaign

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"sealgate/internal/needtest"
)

// program is the gateway under attack: SEALGATE_PROGRAM, else built once from the
// source.
var program = os.Getenv("SEALGATE_PROGRAM")

// scratch is a directory for what all campaigns share.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "campaign-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	if program != "" {
		return m.Run()
	}
	program = filepath.Join(scratch, "gateway")
	build := exec.Command("go", "build", "-o", program, "sealgate/cmd/gateway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the gateway does not build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// long reports whether the campaigns run in full length.
func long() bool { return os.Getenv("SEALGATE_LONG") != "" }

// pick returns the measure of the short or the long form.
func pick(short, full int) int {
	if long() {
		return full
	}
	return short
}

// gateway is a data directory, the key that its robots sign in with, and the
// process that serves it, if any.
type gateway struct {
	t       testing.TB
	dir     string // the data directory
	signer  ssh.Signer
	keyFile string // of signer, for OpenSSH
	logFile string // what every serve said on stderr
	exe     string // the program, when it is not the one under attack
	env     []string

	*process
}

// process is one run of `gateway serve`.
type process struct {
	cmd    *exec.Cmd
	ready  chan struct{} // closed when it said so
	exited chan struct{} // closed when it has ended; err is set
	err    error
	dying  atomic.Bool // it was told to end
	began  time.Time
	took   time.Duration // until ready

	mu    sync.Mutex
	lines map[string]string // what it listens on, by door
}

// fresh is the data directory of a gateway that was just made. It is made once:
// making host keys takes a second or two.
var fresh = sync.OnceValue(func() string {
	dir := filepath.Join(scratch, "fresh")
	out, err := exec.Command(program, "init", "--operator", "operator@example.com", "--data", dir).CombinedOutput()
	if err != nil {
		panic(fmt.Sprintf("gateway init: %v\n%s", err, out))
	}
	return dir
})

// copyTree copies the files below src, but for what skip names, with their modes.
func copyTree(dst, src string, skip func(name string) bool) error {
	return filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone while we looked
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		switch to := filepath.Join(dst, name); {
		case d.IsDir() && skip != nil && skip(name):
			return fs.SkipDir
		case d.IsDir():
			return os.MkdirAll(to, 0o700)
		case d.Type().IsRegular():
			b, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			return os.WriteFile(to, b, 0o600)
		}
		return nil
	})
}

// newGateway makes a gateway in dir ("" = a new directory) and starts it.
func newGateway(t testing.TB, dir string) *gateway {
	t.Helper()
	home := t.TempDir()
	if dir == "" {
		dir = filepath.Join(home, "data")
	}
	g := &gateway{t: t, dir: dir, keyFile: filepath.Join(home, "robot"), logFile: filepath.Join(home, "serve.log")}
	g.makeKey()
	if err := copyTree(dir, fresh(), nil); err != nil {
		t.Fatal(err)
	}
	g.start()
	t.Cleanup(func() {
		g.kill()
		if t.Failed() {
			g.showLog()
		}
	})
	return g
}

func (g *gateway) makeKey() {
	g.t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	g.check(err)
	block, err := ssh.MarshalPrivateKey(key, "")
	g.check(err)
	g.signer, err = ssh.NewSignerFromKey(key)
	g.check(err)
	g.check(os.WriteFile(g.keyFile, pem.EncodeToMemory(block), 0o600))
	g.check(os.WriteFile(g.keyFile+".pub", ssh.MarshalAuthorizedKey(g.signer.PublicKey()), 0o600))
}

func (g *gateway) check(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *gateway) showLog() {
	text, err := os.ReadFile(g.logFile)
	if err != nil {
		return
	}
	if n := len(text); n > 6000 {
		text = text[n-6000:]
	}
	g.t.Logf("the gateway's log ends:\n%s", text)
}

// launch starts the gateway and does not wait for it.
func (g *gateway) launch() *process {
	g.t.Helper()
	log, err := os.OpenFile(g.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	g.check(err)
	defer log.Close()
	cmd := exec.Command(g.program(), "serve", "--data", g.dir, "--sftp-listen", "127.0.0.1:0", "--https-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), g.env...)
	cmd.Stderr = log
	cmd.SysProcAttr = dieWithTest()
	out, err := cmd.StdoutPipe()
	g.check(err)
	p := &process{
		cmd: cmd, ready: make(chan struct{}), exited: make(chan struct{}),
		began: time.Now(), lines: make(map[string]string),
	}
	g.check(cmd.Start())
	go p.follow(out)
	g.process = p
	return p
}

// follow reads what serve announces, until it ends.
func (p *process) follow(out io.Reader) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case len(f) == 3 && f[0] == "listening":
			p.mu.Lock()
			p.lines[f[1]] = f[2]
			p.mu.Unlock()
		case len(f) == 2: // certificate, sign-in
			p.mu.Lock()
			p.lines[f[0]] = f[1]
			p.mu.Unlock()
		case len(f) == 1 && f[0] == "ready":
			p.took = time.Since(p.began)
			close(p.ready)
		}
	}
	p.err = p.cmd.Wait()
	close(p.exited)
}

// addr returns the address of a door.
func (p *process) addr(door string) string { return p.announced(door) }

// announced returns what serve has said of a thing.
func (p *process) announced(door string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lines[door]
}

// start starts the gateway, waits until it is ready, and returns how long that
// took.
func (g *gateway) start() time.Duration {
	g.t.Helper()
	p := g.launch()
	select {
	case <-p.ready:
	case <-p.exited:
		g.showLog()
		g.t.Fatalf("serve ended before it was ready: %v", p.err)
	case <-time.After(60 * time.Second):
		g.showLog()
		g.t.Fatal("serve is not ready after 60 s")
	}
	return p.took
}

// kill ends the gateway as a power cut does for the process: kill -9.
func (g *gateway) kill() {
	if g.process == nil {
		return
	}
	g.dying.Store(true)
	_ = g.cmd.Process.Kill()
	<-g.exited
}

// stop ends the gateway with SIGTERM and wants exit code 0.
func (g *gateway) stop() {
	g.t.Helper()
	g.dying.Store(true)
	g.check(g.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-g.exited:
	case <-time.After(45 * time.Second):
		g.t.Fatal("serve has not ended 45 s after SIGTERM")
	}
	if g.err != nil {
		g.t.Fatalf("serve after SIGTERM: %v", g.err)
	}
}

// running fails the test when the gateway has ended by itself.
func (g *gateway) running() {
	g.t.Helper()
	select {
	case <-g.exited:
		g.t.Fatalf("the gateway has ended: %v", g.err)
	default:
	}
}

// run runs one command to its end.
func (g *gateway) run(args ...string) (stdout, stderr string, code int) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, g.program(), append(args, "--data", g.dir)...)
	cmd.Env = append(os.Environ(), g.env...)
	return runToEnd(g.t, cmd, args)
}

func (g *gateway) program() string {
	if g.exe != "" {
		return g.exe
	}
	return program
}

// runToEnd runs a command to its end.
func runToEnd(t testing.TB, cmd *exec.Cmd, args []string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("gateway %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must runs a command that must succeed and returns what it printed.
func (g *gateway) must(args ...string) string {
	g.t.Helper()
	out, errs, code := g.run(args...)
	if code != 0 {
		g.t.Fatalf("gateway %s: exit code %d\n%s", strings.Join(args, " "), code, errs)
	}
	return out
}

// mustJSON runs a command with --json into v.
func (g *gateway) mustJSON(v any, args ...string) {
	g.t.Helper()
	out := g.must(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		g.t.Fatalf("gateway %s: %v in %.300q", strings.Join(args, " "), err, out)
	}
}

// account makes an account whose content is kept or deleted.
func (g *gateway) account(name, content string) {
	g.t.Helper()
	g.must("account", "add", name, "--content", content)
}

// login makes a login that signs in with the robots' key.
func (g *gateway) login(account, user string) {
	g.t.Helper()
	g.must("login", "add", account, user, "--ssh-key", g.keyFile+".pub")
}

// record is what `gateway file ls` says of a file.
type record struct {
	ID           string    `json:"id"`
	Account      string    `json:"account"`
	Name         string    `json:"name"`
	Source       string    `json:"source"`
	State        string    `json:"state"`
	Direction    string    `json:"direction"`
	Size         int64     `json:"size"`
	SHA256       string    `json:"sha256"`
	Resumed      bool      `json:"resumed"`
	PaymentCount int       `json:"payment_count"`
	Findings     []finding `json:"findings"`
}

type finding struct {
	Code     string `json:"code"`
	Severity string `json:"severity"`
	Message  string `json:"message"`
}

// files lists files that came in.
func (g *gateway) files(args ...string) []record {
	g.t.Helper()
	var list []record
	g.mustJSON(&list, append([]string{"file", "ls", "--limit", "0", "--direction", "in"}, args...)...)
	return list
}

// named lists the files of one name, and wants n of them.
func (g *gateway) named(account, name string, n int) []record {
	g.t.Helper()
	list := g.files(account, "--name", name)
	if len(list) != n {
		g.t.Fatalf("%d files have the name %s, want %d: %+v", len(list), name, n, list)
	}
	return list
}

// settle waits until every received file was indexed and came to its rest.
func (g *gateway) settle(limit time.Duration) {
	g.t.Helper()
	deadline := time.Now().Add(limit)
	for {
		left := g.level("index_queue")
		for _, state := range []string{"received", "locked"} {
			if left > 0 {
				break // a command costs more than a look at the metrics
			}
			var list []record
			g.mustJSON(&list, "file", "ls", "--limit", "1", "--state", state)
			left = len(list)
		}
		if left == 0 && g.level("index_queue") == 0 {
			return
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("files are still not at rest after %v: %d jobs wait", limit, g.level("index_queue"))
		}
		g.running()
		pause(100 * time.Millisecond)
	}
}

// level reads one of the gateway's metrics.
func (g *gateway) level(name string) int {
	g.t.Helper()
	answer, err := http.Get("http://" + g.addr("metrics") + "/metrics")
	g.check(err)
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "sealgate_"+name+" "); ok {
			n, err := strconv.ParseFloat(value, 64)
			g.check(err)
			return int(n)
		}
	}
	g.t.Fatalf("there is no metric sealgate_%s", name)
	return 0
}

// pause waits between two looks at a process that is not ours.
func pause(d time.Duration) { <-time.After(d) }

// dial signs in at addr ("" = the gateway's own) and opens an SFTP session.
func (g *gateway) dial(user, addr string) (*sftp.Client, error) {
	conn, err := g.dialSSH(user, addr)
	if err != nil {
		return nil, err
	}
	client, err := sftp.NewClient(conn, sftp.UseConcurrentWrites(true))
	if err != nil {
		conn.Close()
		return nil, err
	}
	go func() {
		_ = client.Wait()
		conn.Close()
	}()
	return client, nil
}

func (g *gateway) dialSSH(user, addr string) (*ssh.Client, error) {
	if addr == "" {
		addr = g.addr("sftp")
	}
	return ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(g.signer)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 20 * time.Second,
	})
}

// client is dial for a connection that must come about; it is closed at the end
// of the test.
func (g *gateway) client(user string) *sftp.Client {
	g.t.Helper()
	c, err := g.dial(user, "")
	g.check(err)
	g.t.Cleanup(func() { c.Close() })
	return c
}

// openssh runs OpenSSH's sftp on a batch.
func (g *gateway) openssh(user, batch string) (string, error) {
	g.t.Helper()
	path := needtest.Program(g.t, "sftp")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	host, port, _ := strings.Cut(g.addr("sftp"), ":")
	cmd := exec.CommandContext(ctx, path, "-q", "-F", "none", "-b", "-", "-i", g.keyFile, "-o", "IdentitiesOnly=yes",
		"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-P", port, user+"@"+host)
	cmd.Stdin = strings.NewReader(batch)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
