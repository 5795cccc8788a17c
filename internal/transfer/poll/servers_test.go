package poll_test

import (
	"os"
	"path"
	"path/filepath"
	"testing"
	"time"

	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/ftps"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/sftp"
)

// server is a real one. Every world gets a folder of its own there.
type server struct {
	dir, disk string // the folder for tests, as the login sees it and on the disk
	connect   func(*testing.T) (remote.Session, error)
	grain     time.Duration // what its times can tell apart
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
	w.grain = s.grain
	w.job.Dir = path.Join(s.dir, filepath.Base(disk))
	return w
}

func bySSH(s remotetest.SSH) server {
	return server{s.Disk, s.Disk, func(t *testing.T) (remote.Session, error) {
		return sftp.Connect(t.Context(), sftp.Config{
			Server: remote.Server{Host: "127.0.0.1", Port: s.Port, Guard: remotetest.Loopback()}, User: s.User, Key: s.Key, HostKeys: s.HostKeys[:1],
		})
	}, time.Second}
}

func byFTP(f remotetest.FTP) server {
	return server{f.Dir, f.Disk, func(t *testing.T) (remote.Session, error) {
		return ftps.Connect(t.Context(), ftps.Config{
			Server: remote.Server{Host: "127.0.0.1", Port: f.Explicit, Guard: remotetest.Loopback()}, User: f.User, Password: f.Password, Roots: f.Roots,
		})
	}, time.Second}
}

type test struct {
	name string
	run  func(*testing.T, server)
}

// everywhere is what every kind of server has to show.
var everywhere = []test{
	{"a file is taken when it is still", aFileIsTakenWhenItIsStill},
	{"a replaced file is a new one", aReplacedFileIsANewOne},
	{"what becomes of files there", whatBecomesOfFilesThere},
	{"which files are taken", whichFilesAreTaken},
	{"a file that is replaced before it is deleted", aFileThatIsReplacedBeforeItIsDeleted},
	{"a file that changes while it is read", aFileThatChangesWhileItIsRead},
	{"a big file is gone on with", aBigFileIsGoneOnWith},
	{"a visit ends in time", aVisitEndsInTime},
}

// once is what has nothing to do with how the server is spoken to.
var once = []test{
	{"cut anywhere", cutAnywhere},
	{"a delivery that comes again", aDeliveryThatComesAgain},
	{"done-markers", doneMarkers},
	{"names that are none", namesThatAreNone},
	{"limits", limits},
	{"a file that cannot be read", aFileThatCannotBeRead},
	{"a visit that was given up", aVisitThatWasGivenUp},
	{"a big file that changed meanwhile", aBigFileThatChangedMeanwhile},
	{"commits fail both ways", commitsFailBothWays},
}

// doubt is what servers leave open, and clocks.
var doubt = []test{
	{"the marker of the file before", theMarkerOfTheFileBefore},
	{"markers without exact times", markersWithoutExactTimes},
	{"moved to the folder itself", movedToTheFolderItself},
	{"listings in local time", listingsInLocalTime},
	{"never the same", neverTheSame},
	{"listed and not there", listedAndNotThere},
	{"times in listings only", timesInListingsOnly},
	{"no times", noTimes},
	{"a server that cannot resume", aServerThatCannotResume},
	{"names without end", namesWithoutEnd},
	{"paths without end", pathsWithoutEnd},
	{"a clock that was ahead", aClockThatWasAhead},
}

func runAll(t *testing.T, s server, lists ...[]test) {
	for _, list := range lists {
		for _, one := range list {
			t.Run(one.name, func(t *testing.T) { one.run(t, s) })
		}
	}
}

func TestOpenSSH(t *testing.T) { runAll(t, bySSH(remotetest.OpenSSH(t)), everywhere, once) }

func TestServersThatLeaveDoubt(t *testing.T) { runAll(t, bySSH(remotetest.OpenSSH(t)), doubt) }

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
	cutWhile(byFTP(f).world(t), poll.After{Delete: true})
}

func TestVSFTPD(t *testing.T) {
	s := byFTP(remotetest.VSFTPD(t))
	s.grain = time.Minute // in its listings
	runAll(t, s, everywhere)
}

func TestPureFTPD(t *testing.T) { runAll(t, byFTP(remotetest.PureFTPD(t)), everywhere) }
