package certs_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal/httpd/certs"
	"sealgate/internal/servertest"
)

// vault keeps copies, as the key store does.
type vault map[string][]byte

func (v vault) Get(name string) ([]byte, error) {
	if s, ok := v[name]; ok {
		return bytes.Clone(s), nil
	}
	return nil, fault.New(fault.NotFound, "test", "none")
}

func (v vault) Put(name string, secret []byte) error {
	v[name] = bytes.Clone(secret)
	return nil
}

// full is a vault that may have no room.
type full struct {
	vault
	now bool
}

func (v *full) Put(name string, secret []byte) error {
	if v.now {
		return fault.New(fault.Full, "test", "no room")
	}
	return v.vault.Put(name, secret)
}

func wantLate(t *testing.T, a *certs.ACME, want bool) (from time.Time) {
	t.Helper()
	late, from := a.Overdue()
	if late != want {
		t.Errorf("overdue is %v, want %v", late, want)
	}
	return from
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// authority runs pebble, which looks at a port of ours, and returns its directory and
// who trusts it. An authority that is wrong about names rejects all.
func authority(t *testing.T, ours string) (directory string, client *http.Client) {
	t.Helper()
	dir, listen := t.TempDir(), free(t)
	shownBy := shown(t, own(t, &keeper{}, "", &clock{time.Now()}))
	key, err := x509.MarshalPKCS8PrivateKey(shownBy.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(ours)
	if err != nil {
		t.Fatal(err)
	}
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": "", "certificate": filepath.Join(dir, "cert.pem"), "privateKey": filepath.Join(dir, "key.pem"),
		"httpPort": 1, "tlsPort": json.Number(port), "keyAlgorithm": "ecdsa",
		"profiles": map[string]any{"default": map[string]any{"description": "a quarter", "validityPeriod": 7776000}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"config.json": config, "cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: shownBy.Certificate[0]}),
		"key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(servertest.Program(t, "github.com/letsencrypt/pebble/v2/cmd/pebble"), "-config", filepath.Join(dir, "config.json")) //nolint:gosec // what we built
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
	servertest.Start(t, "ACME directory available", cmd)
	for began := time.Now(); ; { // it says so a moment before it listens
		if c, err := net.Dial("tcp", listen); err == nil {
			_ = c.Close() // it was only asked whether it is there
			break
		}
		if time.Since(began) > time.Minute {
			t.Fatal("pebble does not listen")
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(shownBy.Leaf)
	return "https://" + listen + "/dir", &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
}

// door shows the certificates of a place to whoever comes.
func door(t *testing.T, source *atomic.Pointer[certs.ACME]) (addr string) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		MinVersion: tls.VersionTLS13, NextProtos: append([]string{"h2"}, new(certs.ACME).Protocols()...),
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) { return source.Load().Certificate(hello) },
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.(*tls.Conn).Handshake() // what the client thinks of it is the test's business
				_, _ = c.Read(make([]byte, 1))
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func TestACertificateOfAnAuthority(t *testing.T) {
	c, v := &clock{time.Now().Add(time.Minute)}, &full{vault: vault{}} // the authority goes by its own
	opt := certs.ACMEOptions{
		Host: "localhost", Email: "ops@example.com", Vault: v, Own: own(t, &keeper{}, "localhost", c), Now: c.now, Log: quiet,
	}
	var source atomic.Pointer[certs.ACME]
	opt.Directory, opt.Client = authority(t, door(t, &source))
	a, err := certs.OpenACME(opt)
	if err != nil {
		t.Fatal(err)
	}
	source.Store(a)

	// Before there is one the door shows its own, and nothing to an authority that
	// nobody asked.
	self := certs.Fingerprint(shown(t, opt.Own))
	if certs.Fingerprint(shown(t, a)) != self {
		t.Error("not the gateway's own")
	}
	if got, err := a.Certificate(&tls.ClientHelloInfo{ServerName: "localhost", SupportedProtos: a.Protocols()}); err == nil {
		t.Errorf("shown to an authority: %v", got.Leaf)
	}

	if err := a.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := shown(t, a)
	if first.Leaf.VerifyHostname("localhost") != nil || !strings.Contains(first.Leaf.Issuer.CommonName, "Pebble") || len(first.Certificate) < 2 {
		t.Fatalf("certificate of %s, a chain of %d", first.Leaf.Issuer, len(first.Certificate))
	}
	wantLate(t, a, false)
	if len(v.vault) != 2 {
		t.Errorf("%d secrets are kept", len(v.vault))
	}

	// The next run has it at once, also when the authority is gone; it is renewed when
	// a third of its time is left, under another key.
	again, err := certs.OpenACME(opt)
	if err != nil || certs.Fingerprint(shown(t, again)) != certs.Fingerprint(first) {
		t.Errorf("after a start: %v", err)
	}
	c.forward(59 * 24 * time.Hour)
	if err := a.Refresh(t.Context()); err != nil || certs.Fingerprint(shown(t, a)) != certs.Fingerprint(first) {
		t.Errorf("renewed too early: %v", err)
	}
	wantLate(t, a, false)
	c.forward(2 * 24 * time.Hour)
	v.now = true // what was given is shown, and kept as soon as there is room
	if err := a.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := shown(t, a)
	a.KeepNow()
	if again, err := certs.OpenACME(opt); err != nil || certs.Fingerprint(shown(t, again)) != certs.Fingerprint(first) {
		t.Errorf("without room: %v", err)
	}
	v.now = false
	a.KeepNow()
	if again, err := certs.OpenACME(opt); err != nil || certs.Fingerprint(shown(t, again)) != certs.Fingerprint(second) {
		t.Errorf("with room again: %v", err)
	}
	if certs.Fingerprint(second) == certs.Fingerprint(first) || bytes.Equal(second.Leaf.RawSubjectPublicKeyInfo, first.Leaf.RawSubjectPublicKeyInfo) {
		t.Error("not renewed, or with the same key")
	}

	// A renewal that fails leaves what there is, until it ends; then the gateway's own
	// is shown. Another name takes up nothing.
	bad := opt
	bad.Client = &http.Client{} // which does not trust the authority
	late, err := certs.OpenACME(bad)
	if err != nil {
		t.Fatal(err)
	}
	c.forward(20 * 24 * time.Hour)
	if err := late.Refresh(t.Context()); err == nil || certs.Fingerprint(shown(t, late)) != certs.Fingerprint(second) {
		t.Errorf("a failed renewal: %v", err)
	}
	if from := wantLate(t, late, true); !from.Equal(second.Leaf.NotAfter) {
		t.Errorf("from %s", from)
	}
	elsewhere := opt // as when it was tried out with an authority whose certificates nobody trusts
	elsewhere.Directory = "https://" + free(t) + "/dir"
	if other, err := certs.OpenACME(elsewhere); err != nil || certs.Fingerprint(shown(t, other)) != self {
		t.Errorf("another authority's certificate is shown: %v", err)
	}
	c.forward(30 * 24 * time.Hour)
	if certs.Fingerprint(shown(t, late)) == certs.Fingerprint(second) {
		t.Error("a certificate that has ended is shown")
	}
	wantLate(t, late, true)
	bad.Host = "other.example.com"
	if other, err := certs.OpenACME(bad); err != nil || shown(t, other).Leaf.Issuer.CommonName == first.Leaf.Issuer.CommonName {
		t.Errorf("another name: %v", err)
	}
}
