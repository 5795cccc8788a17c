package webhook_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealgate/internal/needtest"
	"sealgate/internal/notify/webhook"
)

// block is the first block of code in a language of docs/webhooks.md.
func block(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "webhooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("docs/webhooks.md has no %s", language)
	}
	return string(m[1])
}

// What receivers are told to do takes what is sent, and nothing else.
func TestTheExamplesOfTheDocumentVerify(t *testing.T) {
	const secret, old = "sgw_NEW", "sgw_OLD"
	now, body := time.Now(), []byte("{\"name\": \"löner.xml\"}\n")
	python, goTool := needtest.Program(t, "python3"), needtest.Program(t, "go")
	needtest.Program(t, "openssl")

	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	py := write("verify.py", block(t, "python")+"\nimport sys\nprint(verify(sys.argv[1], open(sys.argv[2], 'rb').read(), sys.argv[3]))\n")
	source := write("verify.go", `package main

import ("crypto/hmac"; "crypto/sha256"; "encoding/hex"; "fmt"; "os"; "slices"; "strconv"; "strings"; "time")

`+block(t, "go")+`
func main() { body, _ := os.ReadFile(os.Args[2]); fmt.Println(verify(os.Args[1], body, os.Args[3])) }
`)
	program := filepath.Join(dir, "verify")
	if out, err := exec.Command(goTool, "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	good, bad := write("body.json", string(body)), write("other.json", string(body)+" ")
	for _, c := range []struct {
		header, body, secret string
		want                 bool
	}{
		{webhook.Sign(now, body, secret), good, secret, true},
		{webhook.Sign(now, body, secret, old), good, secret, true},
		{webhook.Sign(now, body, secret, old), good, old, true},
		{webhook.Sign(now, body, secret), bad, secret, false},
		{webhook.Sign(now, body, secret), good, old, false},
		{webhook.Sign(now.Add(-6*time.Minute), body, secret), good, secret, false},
		{webhook.Sign(now.Add(6*time.Minute), body, secret), good, secret, false},
		{strings.Replace(webhook.Sign(now.Add(-time.Minute), body, secret), "t=", "t=1", 1), good, secret, false},
		{"", good, secret, false},
		{"t=,v1=", good, secret, false},
	} {
		for _, cmd := range []*exec.Cmd{exec.Command(python, py, c.header, c.body, c.secret), exec.Command(program, c.header, c.body, c.secret)} {
			out, err := cmd.CombinedOutput()
			if got := strings.ToLower(strings.TrimSpace(string(out))); err != nil || got != strconv.FormatBool(c.want) {
				t.Errorf("%s: %q, %s, %s: %s %v, want %v", filepath.Base(cmd.Path), c.header, filepath.Base(c.body), c.secret, got, err, c.want)
			}
		}
	}

	sh := exec.Command("sh", "-c", block(t, "sh"))
	sh.Dir = dir
	sh.Env = append(os.Environ(), "T="+strconv.FormatInt(now.Unix(), 10), "SECRET="+secret)
	out, err := sh.CombinedOutput()
	_, sum, _ := strings.Cut(webhook.Sign(now, body, secret), "v1=")
	if err != nil || !strings.Contains(string(out), sum) {
		t.Errorf("by hand: %s %v, want %s", out, err, sum)
	}
}
