package push_test

import (
	"os"
	"path"
	"path/filepath"
	"testing"

	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/ftps"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/sftp"
)

// server is a real one. Every world gets a folder of its own there.
type server struct {
	dir, disk string // the folder for tests, as the login sees it and on the disk
	connect   func(*testing.T) (remote.Session, error)
}

func (s server) world(t *testing.T) *world {
	t.Helper()
	disk, err := os.MkdirTemp(s.disk, "world")
	if err == nil {
		err = os.Chmod(disk, 0o777) // the server is another user
	}
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, intaketest.New(t, nil), disk, func() (remote.Session, error) { return s.connect(t) })
	w.job.Dir = path.Join(s.dir, filepath.Base(disk))
	return w
}

func bySSH(s remotetest.SSH) server {
	return server{s.Disk, s.Disk, func(t *testing.T) (remote.Session, error) {
		return sftp.Connect(t.Context(), sftp.Config{
			Server: remote.Server{Host: "127.0.0.1", Port: s.Port, Guard: remotetest.Loopback()}, User: s.User, Key: s.Key, HostKeys: s.HostKeys[:1],
		})
	}}
}

func byFTP(f remotetest.FTP) server {
	return server{f.Dir, f.Disk, func(t *testing.T) (remote.Session, error) {
		return ftps.Connect(t.Context(), ftps.Config{
			Server: remote.Server{Host: "127.0.0.1", Port: f.Explicit, Guard: remotetest.Loopback()}, User: f.User, Password: f.Password, Roots: f.Roots,
		})
	}}
}

type test struct {
	name string
	run  func(*testing.T, server)
}

// everywhere is what every kind of server has to show.
var everywhere = []test{
	{"what waits is delivered", whatWaitsIsDelivered},
	{"nothing there is overwritten", nothingThereIsOverwritten},
	{"a rename that is refused", aRenameThatIsRefused},
	{"a refused rename and a folder that is empty", aRefusedRenameAndAFolderThatIsEmpty},
	{"a lost answer and a folder that is empty", aLostAnswerAndAFolderThatIsEmpty},
	{"a temporary file that is taken away", aTemporaryFileThatIsTakenAway},
	{"a file that is not to be delivered any more", aFileThatIsNotToBeDeliveredAnyMore},
	{"a full disk there", aFullDiskThere},
	{"a body of ours that is damaged", aBodyOfOursThatIsDamaged},
	{"a file that breaks the connection", aFileThatBreaksTheConnection},
}

func runAll(t *testing.T, s server, list []test) {
	for _, one := range list {
		t.Run(one.name, func(t *testing.T) { one.run(t, s) })
	}
}

func TestOpenSSH(t *testing.T) {
	runAll(t, bySSH(remotetest.OpenSSH(t)), append(everywhere, test{"cut anywhere", cutAnywhere}))
}

func TestProFTPD(t *testing.T) {
	f, _ := remotetest.ProFTPD(t)
	runAll(t, byFTP(f), everywhere)
}

// TestCampaignCutAnywhereByFTPS is part of make test-long only.
func TestCampaignCutAnywhereByFTPS(t *testing.T) {
	if os.Getenv("SEALGATE_LONG") == "" {
		return
	}
	f, _ := remotetest.ProFTPD(t)
	cutAnywhere(t, byFTP(f))
}

func TestVSFTPD(t *testing.T) { runAll(t, byFTP(remotetest.VSFTPD(t)), everywhere) }

func TestPureFTPD(t *testing.T) { runAll(t, byFTP(remotetest.PureFTPD(t)), everywhere) }

// servers are one of each kind.
func servers(t *testing.T) map[string]server {
	f, _ := remotetest.ProFTPD(t)
	return map[string]server{
		"OpenSSH": bySSH(remotetest.OpenSSH(t)), "ProFTPD": byFTP(f),
		"vsftpd": byFTP(remotetest.VSFTPD(t)), "Pure-FTPd": byFTP(remotetest.PureFTPD(t)),
	}
}
