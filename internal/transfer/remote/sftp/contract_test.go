package sftp_test

import (
	"testing"

	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/sftp"
)

// config is how a test signs in.
func config(s remotetest.SSH) sftp.Config {
	return sftp.Config{
		Server: remote.Server{Host: "127.0.0.1", Port: s.Port, Guard: remotetest.Loopback()},
		User:   s.User, Password: s.Password, Key: s.Key, HostKeys: s.HostKeys[:1],
	}
}

func place(s remotetest.SSH) remotetest.Place {
	return remotetest.Place{
		Dir: s.Disk, Disk: s.Disk,
		Connect: func(t testing.TB) remote.Session {
			t.Helper()
			session, err := sftp.Connect(t.Context(), config(s))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = session.Close() })
			return session
		},
	}
}

func TestOpenSSH(t *testing.T) {
	p := place(remotetest.OpenSSH(t))
	p.AsRoot = true
	remotetest.Contract(t, p)
}

func TestProFTPD(t *testing.T) {
	f, s := remotetest.ProFTPD(t)
	p := place(s)
	p.Dir, p.Hashes = f.Dir, true
	remotetest.Contract(t, p)
}
