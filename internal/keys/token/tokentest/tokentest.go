// Package tokentest gives tests a SoftHSM token of their own.
package tokentest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/needtest"
)

// Label and PIN of the token.
const (
	Label = "sealgate test"
	PIN   = "271828"
)

var dir string

// Main runs the tests of a package with a fresh token, which is shared: a
// PKCS#11 library has one state in a process. Without SoftHSM the tests that
// ask for a key are skipped, and fail where CI is set.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if module() == "" || !have("softhsm2-util") || !have("pkcs11-tool") {
		return m.Run()
	}
	var err error
	if dir, err = os.MkdirTemp("", "token"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	conf := "directories.tokendir = " + dir + "\nobjectstore.backend = file\nlog.level = ERROR\n"
	if err := os.WriteFile(filepath.Join(dir, "softhsm2.conf"), []byte(conf), 0o600); err != nil {
		panic(err)
	}
	os.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "softhsm2.conf"))
	if err := os.WriteFile(filepath.Join(dir, "pin"), []byte(PIN+"\n"), 0o600); err != nil {
		panic(err)
	}
	if out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", Label, "--pin", PIN, "--so-pin", "31415926").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("softhsm2-util: %v\n%s", err, out))
	}
	return m.Run()
}

// NewKey puts a new private key into the token (an RSA key of 3072 bits when
// there is no curve), for as long as the test runs, and returns its URI and public half.
func NewKey(t testing.TB, curve elliptic.Curve, object string) (uri string, public crypto.PublicKey) {
	t.Helper()
	if dir == "" {
		needtest.Missing(t, "SoftHSM or pkcs11-tool is not installed: make deps")
	}
	var key crypto.Signer
	var err error
	usage := "--usage-derive"
	if curve == nil {
		usage = "--usage-decrypt"
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	} else {
		key, err = ecdsa.GenerateKey(curve, rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	tool := func(args ...string) {
		t.Helper()
		cmd := exec.Command("pkcs11-tool", append([]string{"--module", module(), "--token-label", Label, "--login", "--pin", PIN, "--type", "privkey", "--label", object}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
	}
	tool("--write-object", file, usage)
	t.Cleanup(func() { tool("--delete-object") }) // another test may name its own so
	return URI(Label, object, PINFile()), key.Public()
}

// URI names a key of a token.
func URI(label, object, pinFile string) string {
	escape := func(s string) string { return strings.ReplaceAll(s, " ", "%20") }
	return fmt.Sprintf("pkcs11:token=%s;object=%s;type=private?module-path=%s&pin-source=file:%s", escape(label), escape(object), module(), pinFile)
}

// PINFile is where the PIN of the token lies.
func PINFile() string { return filepath.Join(dir, "pin") }

func module() string {
	for _, path := range []string{"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return ""
}

func have(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}
