package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/pkg/sftp"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"
)

// Commands of the scripts that need a running gateway.

// gatewayKey is where a script's running gateway is kept between commands.
type gatewayKey struct{}

type running struct {
	cmd  *exec.Cmd
	done chan error
}

// serve [FILE] starts a gateway on $SEALGATE_DATA, with the file as its standard
// input, and waits for its ready line. What it printed is in the file serve.out;
// $SFTP is its address, $HTTPS that of its HTTPS door.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	program := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, "gateway")); err == nil {
			program = filepath.Join(dir, "gateway")
			break
		}
	}
	cmd := exec.Command(program, "serve", "--sftp-listen", "127.0.0.1:0", "--https-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"SEALGATE_DATA", "SEALGATE_KEYS_MASTER", "SEALGATE_KEYS_EXPORT", "SEALGATE_REMOTES_ALLOW", "CREDENTIALS_DIRECTORY", "SOFTHSM2_CONF", "XDG_RUNTIME_DIR", "PATH", "HOME"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	if len(args) > 0 {
		cmd.Stdin = strings.NewReader(ts.ReadFile(args[0]))
	}
	errors, err := os.Create(ts.MkAbs("serve.err"))
	ts.Check(err)
	cmd.Stderr = errors
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	r := &running{cmd: cmd, done: make(chan error, 1)}
	ready := make(chan string, 1)
	go func() {
		var text strings.Builder
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			text.WriteString(lines.Text() + "\n")
			if lines.Text() == "ready" {
				ready <- text.String()
			}
		}
		r.done <- cmd.Wait()
	}()
	*ts.Value(gatewayKey{}).(**running) = r
	ts.Defer(func() { _ = cmd.Process.Kill() })
	select {
	case text := <-ready:
		ts.Check(os.WriteFile(ts.MkAbs("serve.out"), []byte(text), 0o600))
		for line := range strings.Lines(text) {
			if addr, ok := strings.CutPrefix(line, "listening sftp "); ok {
				ts.Setenv("SFTP", strings.TrimSpace(addr))
			}
			if addr, ok := strings.CutPrefix(line, "listening https "); ok {
				ts.Setenv("HTTPS", strings.TrimSpace(addr))
			}
		}
	case err := <-r.done:
		ts.Fatalf("serve ended: %v\n%s", err, ts.ReadFile("serve.err"))
	case <-time.After(time.Minute):
		ts.Fatalf("serve is not ready after a minute\n%s", ts.ReadFile("serve.err"))
	}
}

// stop ends the gateway as a service manager does, and wants exit code 0.
func stop(ts *testscript.TestScript, _ bool, _ []string) {
	r := *ts.Value(gatewayKey{}).(**running)
	ts.Check(r.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-r.done:
		ts.Check(err)
	case <-time.After(time.Minute):
		ts.Fatalf("serve does not stop")
	}
}

// put LOGIN.json LOCAL REMOTE uploads a file by SFTP with the password in the JSON
// that login add printed. Negated, it wants the sign-in or the file refused.
func put(ts *testscript.TestScript, neg bool, args []string) {
	var login struct{ Username, Password string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &login))
	err := putFile(ts.Getenv("SFTP"), login.Username, login.Password, args[2], ts.ReadFile(args[1]))
	if neg && err == nil {
		ts.Fatalf("the file was taken")
	}
	if !neg {
		ts.Check(err)
	}
}

func putFile(addr, user, password, name, content string) error {
	conn, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.Password(password)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // the gateway of this test
		Timeout:         30 * time.Second,
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	client, err := sftp.NewClient(conn)
	if err != nil {
		return err
	}
	defer client.Close()
	f, err := client.Create(name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, strings.NewReader(content)); err != nil {
		return err
	}
	return f.Close()
}

// value NAME FILE PATH puts a value of a JSON file into the environment.
func value(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], lookUp(ts, args[1], args[2]))
}
