package campaign

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/needtest"
)

// customer is somebody elsewhere: an empty directory, the program, and nothing of
// the gateway's.
type customer struct {
	t   testing.TB
	dir string
}

func newCustomer(t testing.TB) *customer { return &customer{t: t, dir: t.TempDir()} }

func (c *customer) path(name string) string { return filepath.Join(c.dir, name) }

// run runs an offline command in the customer's directory.
func (c *customer) run(args ...string) (stdout, stderr string, code int) {
	return c.runWith("", args...)
}

// runWith is run with a standard input.
func (c *customer) runWith(input string, args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = c.dir
	cmd.Env = []string{"HOME=" + c.dir, "PATH=" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader(input)
	return runToEnd(c.t, cmd, args)
}

// must runs a command that must succeed.
func (c *customer) must(args ...string) string {
	c.t.Helper()
	return c.exits(0, args...)
}

// exits runs a command that must end with this code.
func (c *customer) exits(want int, args ...string) string {
	c.t.Helper()
	out, errs, code := c.run(args...)
	if code != want {
		c.t.Errorf("%s, elsewhere: exit code %d, want %d\n%s", strings.Join(args, " "), code, want, errs)
	}
	return out + errs
}

// exits runs a command that must end with this code, and returns what it said.
func (g *gateway) exits(want int, args ...string) string {
	g.t.Helper()
	out, errs, code := g.run(args...)
	if code != want {
		g.t.Errorf("gateway %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return out + errs
}

// runWith runs a command with a standard input, and returns its exit code.
func (g *gateway) runWith(input string, args ...string) int {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, g.program(), append(args, "--data", g.dir)...)
	cmd.Stdin = strings.NewReader(input)
	_, _, code := runToEnd(g.t, cmd, args)
	return code
}

// ownCertificate makes a certificate by openssl, as a customer does who brings his
// own: certificate.pem and certificate.key.pem.
func (c *customer) ownCertificate(g *gateway, algorithm ...string) {
	c.t.Helper()
	if len(algorithm) == 0 {
		algorithm = []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}
	}
	args := append([]string{"req", "-x509", "-nodes", "-days", "400", "-subj", "/CN=customer", "-keyout", "key.pem", "-out", "certificate.pem"}, algorithm...)
	c.openssl(g, args...)
	c.openssl(g, "pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-out", "certificate.key.pem")
}

func (c *customer) openssl(g *gateway, args ...string) {
	c.t.Helper()
	cmd := exec.Command(needtest.Program(g.t, "openssl"), args...)
	cmd.Dir = c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("openssl %v: %v\n%s", args, err, out)
	}
}

// open opens a sealed file with the customer's keys and returns its content.
func (c *customer) open(sealed, certificateKey, accessKey string) []byte {
	c.t.Helper()
	out := filepath.Join(c.t.TempDir(), "opened")
	if _, errs, code := c.run("open", sealed, "--certificate-key", certificateKey, "--access-key", accessKey, "-o", out); code != 0 {
		c.t.Errorf("open with both keys: exit code %d\n%s", code, errs)
		return nil
	}
	content, err := os.ReadFile(out)
	if err != nil {
		c.t.Fatal(err)
	}
	return content
}

// accessKeyInfo is what `access-key ls` says of a key.
type accessKeyInfo struct {
	ID          string  `json:"id"`
	Fingerprint string  `json:"fingerprint"`
	Held        string  `json:"held"`
	Period      string  `json:"period"`
	Confirmed   bool    `json:"confirmed"`
	Files       int64   `json:"files"`
	RemovedAt   *string `json:"removed_at"`
}

// certificateInfo is what `certificate ls` says of a certificate.
type certificateInfo struct {
	Fingerprint string  `json:"fingerprint"`
	Current     bool    `json:"current"`
	KeyHere     bool    `json:"key_here"`
	Files       int64   `json:"files"`
	RemovedAt   *string `json:"removed_at"`
}

func (g *gateway) accessKeys(account string) (list []accessKeyInfo) {
	g.t.Helper()
	g.mustJSON(&list, "access-key", "ls", account)
	return list
}

// livingKeys are the ids of an account's access keys that were not removed.
func (g *gateway) livingKeys(account string) (ids []string) {
	g.t.Helper()
	for _, k := range g.accessKeys(account) {
		if k.RemovedAt == nil {
			ids = append(ids, k.ID)
		}
	}
	return ids
}

func (g *gateway) certificates(account string) (list []certificateInfo) {
	g.t.Helper()
	g.mustJSON(&list, "certificate", "ls", account)
	return list
}

// current is the certificate that new files of an account are sealed for.
func (g *gateway) current(account string) string {
	g.t.Helper()
	for _, c := range g.certificates(account) {
		if c.Current {
			return c.Fingerprint
		}
	}
	g.t.Fatalf("%s has no current certificate", account)
	return ""
}

// prove makes the round trip by which a customer proves that he can open.
func (c *customer) prove(g *gateway, account, id, key string) {
	c.t.Helper()
	n := fmt.Sprint(time.Now().UnixNano())
	challenge, answer := c.path("challenge-"+n), c.path("answer-"+n)
	g.must("access-key", "challenge", account, id, "-o", challenge)
	c.must("access-key", "answer", challenge, "--access-key", key, "-o", answer)
	g.must("access-key", "confirm", account, id, answer)
}

// newHolder makes an account whose access key the customer made and proved.
func newHolder(g *gateway, account string) *customer {
	g.t.Helper()
	c := newCustomer(g.t)
	c.must("access-key", "new", "-o", "access.key")
	c.ownCertificate(g)
	g.must("account", "add", account, "--keys", "customer", "--access-key", c.path("access.key.pub"),
		"--certificate", c.path("certificate.pem"), "--certificate-key", c.path("certificate.key.pem"))
	c.prove(g, account, g.accessKeys(account)[0].ID, "access.key")
	return c
}

// decode reads the JSON that a command printed.
func decode[T any](t testing.TB, text string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %.300q", err, text)
	}
	return v
}
