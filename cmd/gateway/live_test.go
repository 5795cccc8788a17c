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

// serve [FLAG...] starts a gateway on $SEALGATE_DATA and waits for its ready line.
// What it printed is in the file serve.out; $SFTP is its address.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	program := ""
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, "gateway")); err == nil {
			program = filepath.Join(dir, "gateway")
			break
		}
	}
	cmd := exec.Command(program, append([]string{"serve", "--sftp-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"SEALGATE_DATA=" + ts.Getenv("SEALGATE_DATA"), "PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "SEALGATE_KEYS_MASTER=" + ts.Getenv("SEALGATE_KEYS_MASTER"), "SEALGATE_KEYS_EXPORT=" + ts.Getenv("SEALGATE_KEYS_EXPORT"), "XDG_RUNTIME_DIR=" + ts.Getenv("XDG_RUNTIME_DIR")}
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
// that login add printed.
func put(ts *testscript.TestScript, neg bool, args []string) {
	var login struct{ Username, Password string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &login))
	conn, err := ssh.Dial("tcp", ts.Getenv("SFTP"), &ssh.ClientConfig{
		User: login.Username, Auth: []ssh.AuthMethod{ssh.Password(login.Password)},
		HostKeyCallback: ssh.InsecureIgnoreHostKey(), //nolint:gosec // the gateway of this test
		Timeout:         30 * time.Second,
	})
	if neg {
		if err == nil {
			ts.Fatalf("signed in")
		}
		return
	}
	ts.Check(err)
	defer conn.Close()
	client, err := sftp.NewClient(conn)
	ts.Check(err)
	defer client.Close()
	f, err := client.Create(args[2])
	ts.Check(err)
	_, err = io.Copy(f, strings.NewReader(ts.ReadFile(args[1])))
	ts.Check(err)
	ts.Check(f.Close())
}

// value NAME FILE PATH puts a value of a JSON file into the environment.
func value(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], lookUp(ts, args[1], args[2]))
}
