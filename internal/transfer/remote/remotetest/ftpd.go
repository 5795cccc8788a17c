package remotetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealgate/internal/needtest"
)

// unpacked is where `make deps` unpacks FTP servers.
const unpacked = "/usr/local/lib/sealgate-tests/usr"

// nobody owns the files of FTP servers.
const nobody = 65534

// FTP is an FTPS server, and a login there.
type FTP struct {
	Explicit, Implicit uint16 // ports; 0 = not offered
	Certificate        string // its fingerprint
	Roots              *x509.CertPool
	User, Password     string
	Dir, Disk          string // the folder for the test, as the login sees it and on the disk
	Service            *Service
}

// Certificate makes one for localhost and 127.0.0.1, or for other names, that signs
// itself.
func Certificate(t testing.TB, names ...string) (certificate tls.Certificate, fingerprint string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	if len(names) > 0 {
		template.DNSNames, template.IPAddresses = names, nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(leaf)
	sum := sha256.Sum256(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, hex.EncodeToString(sum[:]), roots
}

// ftpRoot is what all FTP servers need: a folder that their login may write in, below
// one that it may read, and a certificate with its key in a file.
func ftpRoot(t testing.TB) (f FTP, root, pemFile string) {
	t.Helper()
	if os.Getuid() != 0 {
		needtest.Missing(t, "FTP servers are started by root: they change to another user")
	}
	root, err := os.MkdirTemp("", "remotetest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	home := filepath.Join(root, "home")
	f = FTP{User: "robot", Password: "secret", Dir: "/files", Disk: filepath.Join(home, "files")}
	for _, dir := range []string{home, f.Disk, filepath.Join(root, "empty")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(f.Disk, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	var certificate tls.Certificate
	certificate, f.Certificate, f.Roots = Certificate(t)
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	pemFile = filepath.Join(root, "server.pem")
	write(t, pemFile, append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})...))
	return f, root, pemFile
}

// VSFTPD starts vsftpd, which wants data connections to resume the TLS session, once
// for explicit and once for implicit TLS. It knows no users of its own but the
// anonymous one, whose passwords are in a file.
func VSFTPD(t testing.TB) FTP {
	t.Helper()
	program := needtest.Program(t, unpacked+"/sbin/vsftpd")
	f, root, pemFile := ftpRoot(t)
	f.User = "anonymous"
	write(t, filepath.Join(root, "passwords"), []byte(f.Password+"\n"))
	// It changes to the home of its user first, which nobody has not.
	daemon, err := user.Lookup("daemon")
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(daemon.Uid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(f.Disk, uid, -1); err != nil {
		t.Fatal(err)
	}
	f.Explicit, f.Implicit = FreePort(t), FreePort(t)
	for _, port := range []uint16{f.Explicit, f.Implicit} {
		config := filepath.Join(root, fmt.Sprintf("vsftpd-%d.conf", port))
		lines := []string{
			"listen=YES", "background=NO", "listen_address=127.0.0.1", fmt.Sprintf("listen_port=%d", port), "seccomp_sandbox=NO", "isolate=NO", "isolate_network=NO",
			"secure_chroot_dir=" + filepath.Join(root, "empty"), "ftp_username=daemon", "anon_root=" + filepath.Dir(f.Disk), "anonymous_enable=YES",
			"secure_email_list_enable=YES", "email_password_file=" + filepath.Join(root, "passwords"), "write_enable=YES", "anon_upload_enable=YES",
			"anon_mkdir_write_enable=YES", "anon_other_write_enable=YES", "anon_world_readable_only=NO", "anon_umask=022", "xferlog_enable=NO",
			"ssl_enable=YES", "allow_anon_ssl=YES", "force_anon_logins_ssl=YES", "force_anon_data_ssl=YES", "require_ssl_reuse=YES", "ssl_ciphers=HIGH",
			"rsa_cert_file=" + pemFile, "rsa_private_key_file=" + pemFile, "max_per_ip=0", "max_clients=0",
		}
		if port == f.Implicit {
			lines = append(lines, "implicit_ssl=YES")
		}
		write(t, config, []byte(strings.Join(lines, "\n")+"\n"))
		f.Service = f.Service.and(t, []uint16{port}, program, config)
	}
	return f
}

// PureFTPD starts Pure-FTPd, which takes nothing that is not encrypted (TLS=3).
func PureFTPD(t testing.TB) FTP {
	t.Helper()
	program := needtest.Program(t, unpacked+"/sbin/pure-ftpd")
	f, root, pemFile := ftpRoot(t)
	users := filepath.Join(root, "users")
	// Its own kind of password is made to take seconds.
	write(t, users, fmt.Appendf(nil, "%s:%s:%d:%d::%s/./::::::::::::\n", f.User, hashed(t, f.Password), nobody, nobody, filepath.Dir(f.Disk)))
	if out, err := exec.Command(needtest.Program(t, unpacked+"/bin/pure-pw"), "mkdb", users+".pdb", "-f", users).CombinedOutput(); err != nil {
		t.Fatalf("pure-pw: %v\n%s", err, out)
	}
	f.Explicit = FreePort(t)
	f.Service = f.Service.and(t, []uint16{f.Explicit}, program, "-S", fmt.Sprintf("127.0.0.1,%d", f.Explicit), "-l", "puredb:"+users+".pdb", "-A", "-H", "-Y", "3", "-2", pemFile,
		"-L", "10000:3", "-g", filepath.Join(root, "pid"), "-u", "1", "-E", "-U", "022:022")
	return f
}

// hashed is a password as crypt(3) keeps it.
func hashed(t testing.TB, password string) string {
	t.Helper()
	hash, err := exec.Command(needtest.Program(t, "openssl"), "passwd", "-6", password).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(hash))
}

// ProFTPD starts ProFTPD: FTPS, explicit and implicit, and SFTP.
func ProFTPD(t testing.TB) (FTP, SSH) {
	t.Helper()
	program := needtest.Program(t, unpacked+"/sbin/proftpd")
	f, root, pemFile := ftpRoot(t)
	f.Explicit, f.Implicit = FreePort(t), FreePort(t)
	s := SSH{Port: FreePort(t), User: f.User, Password: f.Password, Disk: f.Disk}
	hostFile := filepath.Join(root, "host")
	s.HostKeys = []string{hostKey(t, hostFile, "ed25519")}
	write(t, filepath.Join(root, "passwd"), fmt.Appendf(nil, "%s:%s:%d:%d::%s:/bin/false\n", f.User, hashed(t, f.Password), nobody, nobody, filepath.Dir(f.Disk)))
	common := `
  AuthOrder mod_auth_file.c
  AuthUserFile ` + filepath.Join(root, "passwd") + `
  RequireValidShell off
  UseFtpUsers off
  DefaultRoot ~
  AllowOverwrite on
  AllowStoreRestart on
  Umask 022
`
	ftps := common + `
  TLSEngine on
  TLSRequired on
  TLSProtocol TLSv1.2 TLSv1.3
  TLSECCertificateFile ` + pemFile + `
  TLSECCertificateKeyFile ` + pemFile + `
`
	config := `
ModulePath ` + unpacked + `/lib/proftpd
LoadModule mod_tls.c
LoadModule mod_sftp.c
LoadModule mod_digest.c
ServerType standalone
ServerName test
DefaultServer on
UseIPv6 off
DefaultAddress 127.0.0.1
SocketBindTight on
User nobody
Group nogroup
WtmpLog off
TransferLog none
SystemLog ` + filepath.Join(root, "log") + `
PidFile ` + filepath.Join(root, "pid") + `
ScoreboardFile ` + filepath.Join(root, "scoreboard") + `
DelayEngine off
MaxInstances none
Port ` + strconv.Itoa(int(f.Explicit)) + ftps + `
<VirtualHost 127.0.0.1>
  Port ` + strconv.Itoa(int(f.Implicit)) + ftps + `
  TLSOptions UseImplicitSSL
</VirtualHost>
<VirtualHost 127.0.0.1>
  Port ` + strconv.Itoa(int(s.Port)) + common + `
  SFTPEngine on
  SFTPHostKey ` + hostFile + `
  SFTPAuthMethods password
  SFTPLog ` + filepath.Join(root, "sftp.log") + `
</VirtualHost>
`
	name := filepath.Join(root, "proftpd.conf")
	write(t, name, []byte(config))
	f.Service = f.Service.and(t, []uint16{f.Explicit, f.Implicit, s.Port}, program, "-n", "-q", "-c", name)
	s.Service = f.Service
	return f, s
}
