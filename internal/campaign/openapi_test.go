package campaign

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/needtest"
	"sealgate/internal/npmtest"
)

// The description of the API is one that others can work with: it is valid, and a
// client that is made of it, with its types checked, sends a payment file and waits
// for what becomes of it.
func TestClientMadeOfTheDescription(t *testing.T) {
	modules := npmtest.Install(t, "testdata/openapi")
	g := newGateway(t, "")
	g.account("acme", "keep")
	var token struct{ Token string }
	g.mustJSON(&token, "token", "add", "acme", "erp")
	origin := "https://" + g.process.addr("https")
	dir := t.TempDir()
	cert := filepath.Join(dir, "gateway.pem")
	g.check(os.WriteFile(cert, certificateOf(t, strings.TrimPrefix(origin, "https://")), 0o600))

	description := filepath.Join(dir, "openapi.json")
	g.check(os.WriteFile(description, describe(t, origin, cert, token.Token), 0o600))
	if out := node(t, nil, nil, "testdata/openapi/validate.mjs", modules, description); !strings.HasPrefix(out, "valid 3.1") {
		t.Errorf("the validator says %q", out)
	}

	// The types are made, the client is checked against them, and runs.
	g.check(os.Symlink(modules, filepath.Join(dir, "node_modules")))
	source, err := os.ReadFile("testdata/openapi/client.ts")
	g.check(err)
	g.check(os.WriteFile(filepath.Join(dir, "client.ts"), source, 0o600))
	g.check(os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"type":"module"}`), 0o600))
	node(t, nil, nil, filepath.Join(modules, "openapi-typescript/bin/cli.js"), description, "-o", filepath.Join(dir, "api.d.ts"))
	g.check(os.WriteFile(filepath.Join(dir, "process.d.ts"), []byte("declare const process: { argv: string[]; stdin: AsyncIterable<string> };\n"), 0o600))
	node(t, nil, nil, filepath.Join(modules, "typescript/bin/tsc"), "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext",
		"--moduleResolution", "bundler", "--lib", "es2022,dom", filepath.Join(dir, "client.ts"), filepath.Join(dir, "process.d.ts"))

	content, err := os.ReadFile("../index/testdata/second/pain001-amt-prec.xml")
	g.check(err)
	out := node(t, []string{"NODE_EXTRA_CA_CERTS=" + cert}, bytes.NewReader(content), filepath.Join(dir, "client.js"), origin, token.Token, "lon 2026-11.xml")
	var became struct{ ID, State string }
	if err := json.Unmarshal([]byte(out), &became); err != nil {
		t.Fatalf("the client says %q: %v", out, err)
	}
	files := g.named("acme", "lon 2026-11.xml", 1)
	if files[0].ID != became.ID || files[0].State != became.State || became.State == "received" {
		t.Errorf("the client says %+v, the gateway %+v", became, files[0])
	}
}

// node runs a program for node and returns what it printed.
func node(t *testing.T, env []string, in io.Reader, args ...string) string {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, needtest.Program(t, "node"), args...)
	cmd.Env, cmd.Stdin = append(os.Environ(), env...), in
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("node %s: %v\n%s%s", strings.Join(args, " "), err, errs.String(), out.String())
	}
	return out.String()
}

// certificateOf is the certificate that a door shows.
func certificateOf(t *testing.T, addr string) []byte {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // this is how one sees it
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: conn.ConnectionState().PeerCertificates[0].Raw})
}

func describe(t *testing.T, origin, cert, token string) []byte {
	t.Helper()
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer c.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+"/api/v1/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", resp.StatusCode, err)
	}
	return body
}
