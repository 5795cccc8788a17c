package keys_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/needtest"
)

// openssl runs the program by which most people will make what they bring.
type openssl struct {
	t   *testing.T
	dir string
}

func newOpenSSL(t *testing.T) openssl {
	t.Helper()
	needtest.Program(t, "openssl")
	return openssl{t, t.TempDir()}
}

// run runs openssl; its arguments are those of a shell without quoting.
func (o openssl) run(line string) {
	o.t.Helper()
	cmd := exec.Command("openssl", strings.Fields(line)...)
	cmd.Dir = o.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		o.t.Fatalf("openssl %s: %v\n%s", line, err, out)
	}
}

func (o openssl) read(names ...string) []byte {
	o.t.Helper()
	var all []byte
	for _, name := range names {
		all = append(all, must(os.ReadFile(filepath.Join(o.dir, name)))(o.t)...)
	}
	return all
}

func (o openssl) write(name, text string) {
	o.t.Helper()
	if err := os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// opensslKeys is how keys are made, by the name of their file.
var opensslKeys = map[string]string{
	"rsa3072": "genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out rsa3072.key",
	"rsa4096": "genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:4096 -out rsa4096.key",
	"p256":    "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.key",
	"p384":    "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.key",
}

func TestWhatOpenSSLMakesIsTakenAndWorks(t *testing.T) {
	o := newOpenSSL(t)
	for name, make := range opensslKeys {
		o.run(make)
		o.run("req -x509 -new -key " + name + ".key -subj /CN=acme -days 30 -out " + name + ".pem") // a CA certificate, as this command has it
		t.Run(name, func(t *testing.T) {
			cert := must(keys.ImportCertificate(o.read(name+".pem"), o.read(name+".key"), time.Now()))(t)
			access := must(keys.NewAccessKey())(t)
			s, id := keystest.New(t), uuid.New()
			if err := s.CreateAccount(id, cert, access); err != nil {
				t.Fatal(err)
			}
			a := must(keystest.Reopen(t, s).Account(id))(t)
			sealAndOpen(t, cert, access, a.Certificate(cert.Fingerprint), a.AccessKey(access.Fingerprint))

			// What is exported is a key for openssl again.
			o.write("out.key", string(must(s.ExportCertificateKey(id, cert.Fingerprint))(t)))
			o.run("pkey -in out.key -check -noout")
		})
	}
}

func TestAChainFromOpenSSLIsCheckedAndItsOrderCounts(t *testing.T) {
	o := newOpenSSL(t)
	o.write("ca.cnf", "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n")
	o.write("leaf.cnf", "basicConstraints=CA:FALSE\nkeyUsage=critical,keyAgreement\nextendedKeyUsage=emailProtection\n")
	o.run(opensslKeys["p256"])
	o.run(opensslKeys["p384"])
	o.run(opensslKeys["rsa3072"])
	o.run("req -x509 -new -key rsa3072.key -subj /CN=root -days 30 -addext keyUsage=critical,keyCertSign -out root.pem")
	o.run("req -new -key p384.key -subj /CN=issuing -out issuing.csr")
	o.run("x509 -req -in issuing.csr -CA root.pem -CAkey rsa3072.key -CAcreateserial -days 30 -extfile ca.cnf -out issuing.pem")
	o.run("req -new -key p256.key -subj /CN=acme -out leaf.csr")
	o.run("x509 -req -in leaf.csr -CA issuing.pem -CAkey p384.key -CAcreateserial -days 30 -extfile leaf.cnf -out leaf.pem")
	now, key := time.Now(), o.read("p256.key")
	for name, files := range map[string][]string{
		"alone":           {"leaf.pem"},
		"chain":           {"leaf.pem", "issuing.pem"},
		"chain to root":   {"leaf.pem", "issuing.pem", "root.pem"},
		"and its own key": {"leaf.pem", "issuing.pem", "p256.key"},
	} {
		if _, err := keys.ImportCertificate(o.read(files...), key, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"a gap":        {[]string{"leaf.pem", "root.pem"}, "certificate 2 in the file did not sign"},
		"out of order": {[]string{"leaf.pem", "root.pem", "issuing.pem"}, "put the account's own certificate first"},
		"upside down":  {[]string{"issuing.pem", "leaf.pem"}, "certificate of an authority"},
		"twice":        {[]string{"leaf.pem", "leaf.pem"}, "certificate 2 in the file did not sign"},
	} {
		_, err := keys.ImportCertificate(o.read(c.files...), key, now)
		if wantKind(t, err, fault.Invalid); !strings.Contains(fault.Message(err), c.want) {
			t.Errorf("%s: %s", name, fault.Message(err))
		}
	}
}

func TestWhatOpenSSLMakesAndCannotServeIsRefusedWithTheWayOut(t *testing.T) {
	o := newOpenSSL(t)
	o.run("genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa2048.key")
	o.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out p521.key")
	o.run("genpkey -algorithm ED25519 -out ed25519.key")
	o.run(opensslKeys["p256"])
	o.run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out other.key")
	for _, name := range []string{"rsa2048", "p521", "ed25519", "p256"} {
		o.run("req -x509 -new -key " + name + ".key -subj /CN=acme -days 30 -out " + name + ".pem")
	}
	o.run("req -x509 -new -key p256.key -subj /CN=acme -days 30 -addext extendedKeyUsage=codeSigning,timeStamping -out code.pem")
	o.run("req -x509 -new -key p256.key -subj /CN=acme -days 30 -addext keyUsage=critical,keyCertSign,cRLSign -out ca.pem")
	o.run("req -new -key p256.key -subj /CN=acme -out request.pem")
	o.run("pkcs8 -topk8 -in p256.key -passout pass:secret -out encrypted.key")
	o.run("ec -in p256.key -aes256 -passout pass:secret -out legacy.key")
	o.run("ec -in p256.key -out sec1.key")
	o.run("pkcs12 -export -inkey p256.key -in p256.pem -passout pass:secret -out both.p12")
	o.run("x509 -in p256.pem -outform DER -out der.pem")
	now := time.Now()
	for name, c := range map[string]struct {
		cert, key string
		now       time.Time
		want      string
	}{
		"RSA 2048":       {"rsa2048.pem", "rsa2048.key", now, "2048 bits; a certificate for RSA of 3072 to 8192 bits, or for EC on P-256 or P-384, is needed"},
		"P-521":          {"p521.pem", "p521.key", now, "not on P-256 or P-384; a certificate for"},
		"Ed25519":        {"ed25519.pem", "ed25519.key", now, "neither RSA nor EC; a certificate for"},
		"expired":        {"p256.pem", "p256.key", now.AddDate(0, 2, 0), "bring a renewed one"},
		"not yet valid":  {"p256.pem", "p256.key", now.AddDate(0, 0, -2), "not valid before"},
		"code signing":   {"code.pem", "p256.key", now, "for code signing and time stamping only"},
		"CA only":        {"ca.pem", "p256.key", now, "certificate of an authority"},
		"another key":    {"p256.pem", "other.key", now, "bring the key that the certificate was made for"},
		"encrypted":      {"p256.pem", "encrypted.key", now, "openssl pkcs8 -in KEY.pem -out"},
		"old encryption": {"p256.pem", "legacy.key", now, "openssl pkcs8 -topk8"},
		"SEC 1":          {"p256.pem", "sec1.key", now, "openssl pkcs8 -topk8"},
		"PKCS#12":        {"p256.pem", "both.p12", now, "PKCS#12"},
		"DER":            {"der.pem", "p256.key", now, "DER"},
		"request":        {"request.pem", "p256.key", now, "request for a certificate"},
		"swapped":        {"p256.key", "p256.pem", now, "this is a private key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keys.ImportCertificate(o.read(c.cert), o.read(c.key), c.now)
			if wantKind(t, err, fault.Invalid); !strings.Contains(fault.Message(err), c.want) {
				t.Errorf("the sentence %q does not say %q", fault.Message(err), c.want)
			}
		})
	}

	// And the way out that a sentence names is one.
	o.run("pkcs8 -in encrypted.key -passin pass:secret -out decrypted.key")
	o.run("pkcs8 -topk8 -nocrypt -in legacy.key -passin pass:secret -out converted.key")
	for _, key := range []string{"decrypted.key", "converted.key"} {
		if _, err := keys.ImportCertificate(o.read("p256.pem"), o.read(key), now); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
}
