package remotetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/needtest"
)

// SSH is an SFTP server, and a login there.
type SSH struct {
	Port     uint16
	HostKeys []string // fingerprints, one a kind
	User     string
	Password string
	Key      []byte   // the login's private key
	Disk     string   // where its files lie
	Service  *Service `json:"-"`
}

// OpenSSH starts sshd with internal-sftp. The login is who runs the test.
func OpenSSH(t testing.TB, extra ...string) SSH {
	t.Helper()
	program := needtest.Program(t, "/usr/sbin/sshd")
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd's own service makes it
			t.Fatal(err)
		}
	}
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s := SSH{Port: FreePort(t), User: who.Username, Disk: t.TempDir()}
	config := []string{
		fmt.Sprintf("Port %d", s.Port), "ListenAddress 127.0.0.1", "PidFile none", "StrictModes no", "UsePAM no", "UseDNS no",
		"PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin yes", "MaxStartups 100",
		"AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"), "Subsystem sftp internal-sftp",
	}
	for _, kind := range []string{"ed25519", "rsa"} {
		name := filepath.Join(dir, kind)
		s.HostKeys = append(s.HostKeys, hostKey(t, name, kind))
		config = append(config, "HostKey "+name)
	}
	var public []byte
	s.Key, public = NewKey(t, "")
	write(t, filepath.Join(dir, "authorized_keys"), public)
	write(t, filepath.Join(dir, "sshd_config"), []byte(strings.Join(append(config, extra...), "\n")+"\n"))
	s.Service = s.Service.and(t, []uint16{s.Port}, program, "-D", "-e", "-f", filepath.Join(dir, "sshd_config"))
	return s
}

// hostKey makes a key of a server in a file, and returns its fingerprint.
func hostKey(t testing.TB, name, kind string) string {
	t.Helper()
	if out, err := exec.Command(needtest.Program(t, "ssh-keygen"), "-q", "-t", kind, "-N", "", "-f", name).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	public, err := os.ReadFile(name + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(key)
}

// NewKey makes a key for a login: its private half, encrypted when there is a
// passphrase, and a line of authorized_keys.
func NewKey(t testing.TB, passphrase string) (private, public []byte) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block), ssh.MarshalAuthorizedKey(signer.PublicKey())
}

// FreePort returns a port at which nobody listens.
func FreePort(t testing.TB) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return uint16(l.Addr().(*net.TCPAddr).Port)
}

func write(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
