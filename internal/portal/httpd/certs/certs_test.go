package certs_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal/httpd/certs"
)

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var quiet = slog.New(slog.DiscardHandler)

// clock is a time that a test moves.
type clock struct{ time.Time }

func (c *clock) now() time.Time          { return c.Time }
func (c *clock) forward(d time.Duration) { c.Time = c.Add(d) }

// pair is two PEM files.
type pair struct {
	t         *testing.T
	cert, key string
}

func newPair(t *testing.T) pair {
	dir := t.TempDir()
	return pair{t, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

func (p pair) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// put writes a certificate of this number, valid from and until, and its key.
func (p pair) put(number int64, from, until time.Time, key crypto.Signer) {
	p.t.Helper()
	if key == nil {
		made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			p.t.Fatal(err)
		}
		key = made
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: "gw"}, DNSNames: []string{"gw.example.com"},
		NotBefore: from, NotAfter: until,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		p.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(p.cert, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	p.write(p.key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}

type source interface {
	Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error)
}

func shown(t *testing.T, s source) *tls.Certificate {
	t.Helper()
	c, err := s.Certificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wantNumber(t *testing.T, s source, want int64) {
	t.Helper()
	if got := shown(t, s).Leaf.SerialNumber.Int64(); got != want {
		t.Errorf("certificate %d is shown, not %d", got, want)
	}
}

func TestChangedFilesAreTakenUpAndBadOnesAreNot(t *testing.T) {
	p, c := newPair(t), &clock{t0}
	year := t0.AddDate(1, 0, 0)
	p.put(1, t0, year, nil)
	var log strings.Builder
	f, err := certs.OpenFiles(p.cert, p.key, c.now, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	wantNumber(t, f, 1)

	p.put(2, t0, year, nil)
	wantNumber(t, f, 1) // not looked at yet
	c.forward(10 * time.Second)
	wantNumber(t, f, 2)
	c.forward(-time.Hour) // the clock was set back
	p.put(3, t0.Add(-2*time.Hour), year, nil)
	wantNumber(t, f, 3)

	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.key)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(){
		"ended":             func() { p.put(4, t0.AddDate(-1, 0, 0), t0.Add(-24*time.Hour), nil) },
		"not yet valid":     func() { p.put(4, t0.AddDate(0, 0, 1), year, nil) },
		"too small a key":   func() { p.put(4, t0.Add(-2*time.Hour), year, small) },
		"the key before":    func() { p.put(4, t0, year, nil); p.write(p.key, string(text)) },
		"not PEM":           func() { p.write(p.cert, "hello") },
		"empty":             func() { p.write(p.cert, "") },
		"gone":              func() { os.Remove(p.cert) },
		"readable for all":  func() { p.put(4, t0.Add(-2*time.Hour), year, nil); os.Chmod(p.key, 0o604) },
		"a directory":       func() { os.Remove(p.cert); os.Mkdir(p.cert, 0o700) },
		"larger than a PEM": func() { os.Remove(p.cert); p.write(p.cert, strings.Repeat(" ", 1<<20+1)) },
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			spoil()
			for range 5 {
				c.forward(time.Minute)
				wantNumber(t, f, 3)
			}
			if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
				t.Errorf("complained %d times:\n%s", n, log.String())
			}
			os.RemoveAll(p.cert)
			os.Remove(p.key)
			p.put(3, t0.Add(-2*time.Hour), year, nil)
			c.forward(time.Minute)
			wantNumber(t, f, 3)
		})
	}
}

func TestWhenBothHaveEndedTheLastOneIsShown(t *testing.T) {
	p, c := newPair(t), &clock{t0}
	p.put(1, t0.AddDate(-2, 0, 0), t0.AddDate(-1, 0, 0), nil)
	var log strings.Builder
	f, err := certs.OpenFiles(p.cert, p.key, c.now, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "it ended on") {
		t.Errorf("no warning: %s", log.String())
	}
	p.put(2, t0.AddDate(-2, 0, 0), t0.AddDate(0, -1, 0), nil)
	c.forward(time.Minute)
	wantNumber(t, f, 2)
}

func TestFilesThatAreBadAtTheStartAreRefused(t *testing.T) {
	p := newPair(t)
	if _, err := certs.OpenFiles(p.cert, p.key, time.Now, quiet); !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), p.cert) {
		t.Errorf("no files: %v", err)
	}
	p.put(1, t0, t0.AddDate(1, 0, 0), nil)
	if err := os.Chmod(p.key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := certs.OpenFiles(p.cert, p.key, time.Now, quiet); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Message(err), "chmod 600") {
		t.Errorf("a key that everybody can read: %v", err)
	}
	other := newPair(t)
	other.put(2, t0, t0.AddDate(1, 0, 0), nil)
	if _, err := certs.OpenFiles(p.cert, other.key, time.Now, quiet); !fault.Is(err, fault.Invalid) {
		t.Errorf("another key: %v", err)
	}
}

// keeper is a key store whose disk may fail.
type keeper struct {
	certificate []byte
	key         crypto.Signer
	err         error
}

func (k *keeper) TLS() ([]byte, crypto.Signer, error) {
	if k.key == nil {
		return nil, nil, fault.New(fault.NotFound, "test", "none yet")
	}
	return k.certificate, k.key, k.err
}

func (k *keeper) SetTLS(certificate []byte, key crypto.Signer) error {
	if k.err == nil {
		k.certificate, k.key = certificate, key
	}
	return k.err
}

func own(t *testing.T, k *keeper, host string, c *clock) *certs.Own {
	t.Helper()
	o, err := certs.OpenOwn(k, host, c.now, quiet)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOurOwnCertificateIsForOurNamesAndIsKept(t *testing.T) {
	for host, names := range map[string][]string{
		"":               {"localhost", "127.0.0.1", "::1"},
		"gw.example.com": {"gw.example.com", "localhost", "127.0.0.1", "::1"},
		"localhost":      {"localhost"},
		"192.0.2.7":      {"192.0.2.7", "localhost", "::1"},
		"2001:db8::7":    {"2001:db8::7"},
		"127.0.0.1":      {"127.0.0.1"},
	} {
		k, c := &keeper{}, &clock{t0}
		first := shown(t, own(t, k, host, c))
		roots := x509.NewCertPool()
		roots.AddCert(first.Leaf)
		for _, name := range names {
			if _, err := first.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: t0}); err != nil {
				t.Errorf("host %q: a client that trusts it and comes to %s: %v", host, name, err)
			}
		}
		if first.Leaf.VerifyHostname("other.example.com") == nil || first.Leaf.IsCA {
			t.Errorf("host %q: it is good for more than it should be", host)
		}
		if again := shown(t, own(t, k, host, c)); certs.Fingerprint(again) != certs.Fingerprint(first) {
			t.Errorf("host %q: another one after a start", host)
		}
		if got := certs.Fingerprint(first); !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(got) {
			t.Errorf("fingerprint %q", got)
		}
	}
}

func TestOurOwnCertificateIsRenewedAndItsKeyStays(t *testing.T) {
	k, c := &keeper{}, &clock{t0}
	o := own(t, k, "gw.example.com", c)
	first := shown(t, o)
	c.forward(366 * 24 * time.Hour)
	if certs.Fingerprint(shown(t, o)) != certs.Fingerprint(first) {
		t.Error("renewed although it is good for a month and a day")
	}
	c.forward(48 * time.Hour)

	// A disk that fails keeps nobody out.
	k.err = errors.New("no disk")
	if certs.Fingerprint(shown(t, o)) != certs.Fingerprint(first) {
		t.Error("a certificate that was not stored is shown")
	}
	k.err = nil
	if certs.Fingerprint(shown(t, o)) != certs.Fingerprint(first) {
		t.Error("a failed renewal is tried again at every handshake")
	}
	c.forward(time.Hour)
	second := shown(t, o)
	if certs.Fingerprint(second) == certs.Fingerprint(first) || second.Leaf.NotAfter.Sub(c.Time) < 300*24*time.Hour {
		t.Error("not renewed")
	}
	if !second.PrivateKey.(*ecdsa.PrivateKey).Equal(first.PrivateKey) {
		t.Error("the key has changed: who pinned it is locked out")
	}
	if renamed := shown(t, own(t, k, "other.example.com", c)); renamed.Leaf.VerifyHostname("other.example.com") != nil {
		t.Error("another https.url gets no certificate for it")
	}
	c.Time = t0.AddDate(-1, 0, 0)
	if early := shown(t, own(t, k, "other.example.com", c)); c.Before(early.Leaf.NotBefore) {
		t.Error("after the clock was put right the certificate is not valid yet")
	}
	k.err = errors.New("no disk")
	if _, err := certs.OpenOwn(k, "", c.now, quiet); err == nil {
		t.Error("a key store that cannot be read is no error")
	}
}

func TestDoubts(t *testing.T) {
	leaf := shown(t, own(t, &keeper{}, "gw.example.com", &clock{t0})).Leaf
	for _, c := range []struct {
		host string
		at   time.Time
		want string
	}{
		{"gw.example.com", t0, ""},
		{"", t0, ""},
		{"other.example.com", t0, "not for other.example.com"},
		{"gw.example.com", leaf.NotAfter.AddDate(0, 0, -10), "it ends on"},
		{"gw.example.com", leaf.NotAfter.AddDate(0, 0, 1), "it ended on"},
		{"gw.example.com", leaf.NotBefore.AddDate(0, 0, -1), "valid from"},
	} {
		got := strings.Join(certs.Doubts(leaf, c.host, c.at), "; ")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s at %s: %q", c.host, c.at, got)
		}
	}
}
