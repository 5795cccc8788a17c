package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manual is a page of commands that are run one after the other, as a reader would.
type manual struct {
	*testing.T
	dir     string
	words   string // of the customer's key, as he has them on paper
	gateway *exec.Cmd
	names   map[string]string // what stands in capitals on the page, and what it is here
}

// Every command on the page about keys works, in the order of the page.
func TestCommandsOfTheKeysPageWork(t *testing.T) {
	page, err := os.ReadFile("../../docs/keys.md")
	if err != nil {
		t.Fatal(err)
	}
	m := &manual{T: t, dir: t.TempDir(), names: map[string]string{"YEAR": time.Now().UTC().Format("2006")}}
	t.Cleanup(m.stop)
	for from, to := range map[string]string{
		"testdata/keys/acme.pem": "acme.pem", "testdata/keys/acme.key.pem": "acme.key.pem",
		"testdata/keys/other.pem": "escrow.pem", "testdata/keys/other.key.pem": "escrow.key.pem",
	} {
		m.copy(from, to)
	}
	ran := 0
	for _, line := range commandsOf(string(page)) {
		m.run(line)
		ran++
	}
	if ran < 40 {
		t.Errorf("only %d commands; is this the right page?", ran)
	}
}

// commandsOf gives the lines of the page's shell blocks.
func commandsOf(page string) (lines []string) {
	inside := false
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```sh"
		case inside && line != "":
			lines = append(lines, line)
		}
	}
	return lines
}

func (m *manual) run(line string) {
	m.Helper()
	command, comment, _ := strings.Cut(line, " # ")
	command = strings.TrimSpace(command)
	want := 0
	if _, err := fmt.Sscanf(strings.TrimSpace(comment), "exit code %d", &want); comment != "" && err != nil {
		m.Fatalf("%s: the comment is %q", line, comment)
	}
	switch command {
	case "gateway serve", "systemctl start sealgate":
		m.start()
		return
	case "systemctl stop sealgate":
		m.stop()
		return
	}
	for name, value := range m.names {
		command = strings.ReplaceAll(command, name, value)
	}
	if _, code := m.shell(command); code != want {
		m.Fatalf("%s: exit code %d, want %d", command, code, want)
	}
	m.after(command)
}

// after does what a reader does between two commands of the page, and remembers
// what he has read.
func (m *manual) after(command string) {
	m.Helper()
	switch {
	case strings.HasPrefix(command, "gateway certificate import acme --certificate acme.pem"):
		var certs []struct{ Fingerprint string }
		m.ask("gateway certificate ls acme", &certs)
		m.names["FINGERPRINT"] = certs[len(certs)-1].Fingerprint
	case strings.HasPrefix(command, "gateway account add acme-holds"):
		var access []struct{ ID string }
		m.ask("gateway access-key ls acme-holds", &access)
		m.names["KEYID"] = access[0].ID
	case strings.HasPrefix(command, "gateway access-key words"):
		var form struct{ Words []string }
		m.ask(command, &form)
		m.words = strings.Join(form.Words, " ") + "\n"
	case strings.HasPrefix(command, "gateway access-key confirm"):
		var login struct{ Username, Password string }
		m.ask("gateway login add acme-holds erp", &login)
		if err := putFile(m.names["sftp"], login.Username, login.Password, "in/lon.xml", "a letter"); err != nil {
			m.Fatal(err)
		}
		var files []struct{ ID string }
		m.ask("gateway file ls acme-holds --direction in", &files) // a letter is answered, too
		m.names["FILEID"] = files[0].ID
		m.shell("gateway file wait " + files[0].ID)
		var keys struct {
			Signs string `json:"identity_fingerprint"`
		}
		m.ask("gateway keys show", &keys)
		m.names["IDENTITY"] = keys.Signs
	case strings.HasPrefix(command, "gateway keys restore"):
		m.start() // the page goes on with the customer
	}
}

func (m *manual) shell(command string) (out string, code int) {
	m.Helper()
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = m.dir
	switch { // what a reader types in
	case strings.Contains(command, "from-words"):
		cmd.Stdin = strings.NewReader(m.words)
	case strings.Contains(command, "--passphrase-stdin"):
		cmd.Stdin = strings.NewReader("correct horse battery staple\n")
	}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		m.Logf("%s\n%s%s", command, stdout.String(), stderr.String())
	}
	return stdout.String(), cmd.ProcessState.ExitCode()
}

// ask runs a command and reads its JSON.
func (m *manual) ask(command string, v any) {
	m.Helper()
	out, code := m.shell(command + " --json")
	if err := json.Unmarshal([]byte(out), v); err != nil || code != 0 {
		m.Fatalf("%s: exit code %d, %v", command, code, err)
	}
}

func (m *manual) start() {
	m.Helper()
	var ready string
	m.gateway, ready = startGateway(m.T, m.dir)
	for line := range strings.Lines(ready) {
		if addr, ok := strings.CutPrefix(line, "listening sftp "); ok {
			m.names["sftp"] = strings.TrimSpace(addr)
		}
	}
}

func (m *manual) stop() {
	if m.gateway == nil {
		return
	}
	_ = m.gateway.Process.Signal(syscall.SIGTERM)
	if err := m.gateway.Wait(); err != nil {
		m.Error(err)
	}
	m.gateway = nil
}

func (m *manual) copy(from, to string) {
	m.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		m.Fatal(err)
	}
	m.write(to, string(text))
}

func (m *manual) write(name, text string) {
	m.Helper()
	if err := os.WriteFile(filepath.Join(m.dir, name), []byte(text), 0o600); err != nil {
		m.Fatal(err)
	}
}

// startGateway runs serve on the data directory below dir and returns what it
// printed up to its ready line.
func startGateway(t *testing.T, dir string) (*exec.Cmd, string) {
	t.Helper()
	cmd := exec.Command("gateway", "serve", "--sftp-listen", "127.0.0.1:0", "--https-listen", "127.0.0.1:0", "--metrics-listen", "off")
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer limit.Stop()
	var text strings.Builder
	buf := make([]byte, 4096)
	for !strings.HasSuffix(text.String(), "ready\n") {
		n, err := out.Read(buf)
		text.Write(buf[:n])
		if err != nil {
			_ = cmd.Wait()
			t.Fatalf("serve ended: %v\n%s", err, stderr.String())
		}
	}
	return cmd, text.String()
}
