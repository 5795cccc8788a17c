package ftps_test

import (
	"testing"

	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/ftps"
	"sealgate/internal/transfer/remote/remotetest"
)

// config is how a test signs in.
func config(f remotetest.FTP, implicit bool) ftps.Config {
	c := ftps.Config{
		Server: remote.Server{Host: "127.0.0.1", Port: f.Explicit, Guard: remotetest.Loopback()},
		User:   f.User, Password: f.Password, Roots: f.Roots,
	}
	if implicit {
		c.Port, c.Implicit, c.Certificates = f.Implicit, true, []string{f.Certificate}
	}
	return c
}

func place(f remotetest.FTP, c ftps.Config) remotetest.Place {
	return remotetest.Place{
		Dir: f.Dir, Disk: f.Disk,
		Connect: func(t testing.TB) remote.Session {
			t.Helper()
			session, err := ftps.Connect(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = session.Close() })
			return session
		},
	}
}

func TestVSFTPDExplicit(t *testing.T) {
	f := remotetest.VSFTPD(t)
	remotetest.Contract(t, place(f, config(f, false)))
}

func TestVSFTPDImplicit(t *testing.T) {
	f := remotetest.VSFTPD(t)
	remotetest.Contract(t, place(f, config(f, true)))
}

func TestPureFTPD(t *testing.T) {
	f := remotetest.PureFTPD(t)
	remotetest.Contract(t, place(f, config(f, false)))
}

func TestProFTPDExplicit(t *testing.T) {
	f, _ := remotetest.ProFTPD(t)
	p := place(f, config(f, false))
	p.Hashes = true
	remotetest.Contract(t, p)
}

func TestProFTPDImplicit(t *testing.T) {
	f, _ := remotetest.ProFTPD(t)
	p := place(f, config(f, true))
	p.Hashes = true
	remotetest.Contract(t, p)
}
