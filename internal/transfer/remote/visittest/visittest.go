// Package visittest is what the tests of visits to a customer's server share, whether
// files are fetched there or left: a real server, a gateway's inside and a remote between
// them; sessions that do something at a step, or are cut at one; and a process that is
// killed during a visit.
package visittest

import (
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/ftps"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/sftp"
)

// Server is a real one. Every world gets a folder of its own there.
type Server struct {
	Dir, Disk string        // the folder for tests, as the login sees it and on the disk
	Grain     time.Duration // what its times can tell apart
	Connect   func(testing.TB) (remote.Session, error)
}

// BySSH signs in on a server with a key.
func BySSH(s remotetest.SSH) Server {
	return Server{s.Disk, s.Disk, time.Second, func(t testing.TB) (remote.Session, error) {
		return sftp.Connect(t.Context(), sftp.Config{
			Server: remote.Server{Host: "127.0.0.1", Port: s.Port, Guard: remotetest.Loopback()}, User: s.User, Key: s.Key, HostKeys: s.HostKeys[:1],
		})
	}}
}

// ByFTP signs in on a server with a password, under explicit TLS.
func ByFTP(f remotetest.FTP) Server {
	return Server{f.Dir, f.Disk, time.Second, func(t testing.TB) (remote.Session, error) {
		return ftps.Connect(t.Context(), ftps.Config{
			Server: remote.Server{Host: "127.0.0.1", Port: f.Explicit, Guard: remotetest.Loopback()}, User: f.User, Password: f.Password, Roots: f.Roots,
		})
	}}
}

// Test is what a kind of server has to show.
type Test struct {
	Name string
	Run  func(*testing.T, Server)
}

// RunAll runs lists of tests against a server.
func RunAll(t *testing.T, s Server, lists ...[]Test) {
	for _, list := range lists {
		for _, one := range list {
			t.Run(one.Name, func(t *testing.T) { one.Run(t, s) })
		}
	}
}

// World is a gateway's inside, a folder on a customer's server, and a remote between
// them, which is leased.
type World struct {
	*intaketest.World
	Customer uuid.UUID
	Remote   uuid.UUID
	Name     string // of the remote
	Folder   string // as the login sees it
	Disk     string // and where it lies
	Grain    time.Duration
	Wrap     func(remote.Session) remote.Session // what stands between; nil = nothing
	Calls    int                                 // how often the server was asked for

	t         testing.TB
	direction string
	connect   func(testing.TB) (remote.Session, error)
	session   remote.Session // of the visit before
}

// World makes a world with a folder of its own.
func (s Server) World(t testing.TB, direction string) *World {
	t.Helper()
	folder(t, &s.Dir, &s.Disk)
	return s.at(t, intaketest.New(t, nil), direction)
}

// at puts the inside of a gateway and a remote before the server's own folder.
func (s Server) at(t testing.TB, in *intaketest.World, direction string) *World {
	t.Helper()
	w := s.seen(t, in)
	w.Customer, w.direction = w.Account("acme", catalog.ContentKeep).ID, direction
	w.insert("bank")
	return w
}

func (w *World) insert(name string) {
	w.t.Helper()
	w.Remote, w.Name = uuid.Must(uuid.NewV7()), name
	w.Update(func(tx *catalog.Tx) error {
		return tx.InsertRemote(&remotes.Remote{
			ID: w.Remote, Account: w.Customer, Name: name, Direction: w.direction, Settings: []byte("sealed"), State: remotes.On,
		})
	})
}

// Another is a second remote of the same account, with a folder of its own on the same
// server.
func (w *World) Another(name string) *World {
	w.t.Helper()
	other := *w
	other.session, other.Wrap, other.Calls = nil, nil, 0
	other.Folder, other.Disk = path.Dir(w.Folder), filepath.Dir(w.Disk)
	folder(w.t, &other.Folder, &other.Disk)
	other.insert(name)
	w.t.Cleanup(other.hangUp)
	return &other
}

// folder makes a folder for tests in another.
func folder(t testing.TB, dir, disk *string) {
	t.Helper()
	made, err := os.MkdirTemp(*disk, "world")
	if err == nil {
		err = os.Chmod(made, 0o777) // the server is another user
	}
	if err != nil {
		t.Fatal(err)
	}
	*dir, *disk = path.Join(*dir, filepath.Base(made)), made
}

func (s Server) seen(t testing.TB, in *intaketest.World) *World {
	w := &World{World: in, Folder: s.Dir, Disk: s.Disk, Grain: s.Grain, t: t, connect: s.Connect}
	t.Cleanup(w.hangUp)
	return w
}

// Lease takes the remote over and returns the fence, an hour later, so that a lease
// before is over.
func (w *World) Lease() (fence int64) {
	w.t.Helper()
	w.Clock.Add(time.Hour)
	w.Update(func(tx *catalog.Tx) error {
		r, err := tx.LeaseRemote(w.Remote, "node-1", w.Clock.Now(), w.Clock.Now().Add(time.Minute))
		if err == nil {
			fence = r.Lease.Fence
		}
		return err
	})
	return fence
}

// Session is a sign-in for one visit: that of the visit before when it still lives, as
// signing in is most of what a small visit costs. Tests of remotes show that each visit
// signs in and out.
func (w *World) Session() remote.Session {
	w.t.Helper()
	w.Calls++
	if w.session != nil {
		if _, err := w.session.Stat(w.t.Context(), w.Folder); err != nil {
			w.hangUp()
		}
	}
	if w.session == nil {
		s, err := w.connect(w.t)
		if err != nil {
			w.t.Fatal(err)
		}
		w.session = s
	}
	if w.Wrap != nil {
		return lent{w.Wrap(w.session)}
	}
	return lent{w.session}
}

// lent is a session that the visit does not end.
type lent struct{ remote.Session }

func (lent) Close() error { return nil }

func (w *World) hangUp() {
	if w.session != nil {
		_ = w.session.Close() // it may have been cut
		w.session = nil
	}
}

// Restart forgets everything that a process knows, its session too.
func (w *World) Restart() {
	w.t.Helper()
	w.hangUp()
	w.World.Restart()
}

// Reopen begins anew with a catalog that failed or was closed.
func (w *World) Reopen() {
	w.t.Helper()
	w.hangUp()
	w.World = w.Reopened()
}

// Put lays a file on the server.
func (w *World) Put(name string, content []byte) {
	w.t.Helper()
	path := filepath.Join(w.Disk, name)
	if dir := filepath.Dir(path); dir != w.Disk {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			w.t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777); err != nil { // the server is another user
			w.t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		w.t.Fatal(err)
	}
	w.Dated(name, 0)
}

// Dated gives a file a time, the nth that the server can tell from those before; nothing
// depends on how old files are.
func (w *World) Dated(name string, n int) {
	w.t.Helper()
	at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * w.Grain)
	if err := os.Chtimes(filepath.Join(w.Disk, name), at, at); err != nil {
		w.t.Fatal(err)
	}
}

// There are the names of the files on the server, sorted.
func (w *World) There() (names []string) {
	w.t.Helper()
	err := filepath.WalkDir(w.Disk, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			name, _ := filepath.Rel(w.Disk, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}
