package poll_test

import (
	"os"
	"testing"
	"time"

	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/visittest"
)

// everywhere is what every kind of server has to show.
var everywhere = []visittest.Test{
	{Name: "a file is taken when it is still", Run: aFileIsTakenWhenItIsStill},
	{Name: "a replaced file is a new one", Run: aReplacedFileIsANewOne},
	{Name: "what becomes of files there", Run: whatBecomesOfFilesThere},
	{Name: "which files are taken", Run: whichFilesAreTaken},
	{Name: "a file that is replaced before it is deleted", Run: aFileThatIsReplacedBeforeItIsDeleted},
	{Name: "a file that changes while it is read", Run: aFileThatChangesWhileItIsRead},
	{Name: "a big file is gone on with", Run: aBigFileIsGoneOnWith},
	{Name: "a visit ends in time", Run: aVisitEndsInTime},
}

// once is what has nothing to do with how the server is spoken to.
var once = []visittest.Test{
	{Name: "cut anywhere", Run: cutAnywhere},
	{Name: "a delivery that comes again", Run: aDeliveryThatComesAgain},
	{Name: "done-markers", Run: doneMarkers},
	{Name: "names that are none", Run: namesThatAreNone},
	{Name: "limits", Run: limits},
	{Name: "a file that cannot be read", Run: aFileThatCannotBeRead},
	{Name: "a visit that was given up", Run: aVisitThatWasGivenUp},
	{Name: "a big file that changed meanwhile", Run: aBigFileThatChangedMeanwhile},
	{Name: "commits fail both ways", Run: commitsFailBothWays},
	{Name: "a small file is recorded beside the next", Run: aSmallFileIsRecordedBesideTheNext},
}

// doubt is what servers leave open, and clocks.
var doubt = []visittest.Test{
	{Name: "the marker of the file before", Run: theMarkerOfTheFileBefore},
	{Name: "markers without exact times", Run: markersWithoutExactTimes},
	{Name: "moved to the folder itself", Run: movedToTheFolderItself},
	{Name: "listings in local time", Run: listingsInLocalTime},
	{Name: "clocks of the server", Run: clocksOfTheServer},
	{Name: "never the same", Run: neverTheSame},
	{Name: "listed and not there", Run: listedAndNotThere},
	{Name: "times in listings only", Run: timesInListingsOnly},
	{Name: "no times", Run: noTimes},
	{Name: "a server that cannot resume", Run: aServerThatCannotResume},
	{Name: "names without end", Run: namesWithoutEnd},
	{Name: "paths without end", Run: pathsWithoutEnd},
	{Name: "a clock that was ahead", Run: aClockThatWasAhead},
}

func TestOpenSSH(t *testing.T) {
	visittest.RunAll(t, visittest.BySSH(remotetest.OpenSSH(t)), everywhere, once)
}

func TestServersThatLeaveDoubt(t *testing.T) {
	visittest.RunAll(t, visittest.BySSH(remotetest.OpenSSH(t)), doubt)
}

func TestProFTPD(t *testing.T) {
	f, _ := remotetest.ProFTPD(t)
	visittest.RunAll(t, visittest.ByFTP(f), everywhere)
}

// TestCampaignCutAnywhereByFTPS is part of make test-long only.
func TestCampaignCutAnywhereByFTPS(t *testing.T) {
	if os.Getenv("SEALGATE_LONG") == "" {
		return
	}
	f, _ := remotetest.ProFTPD(t)
	cutWhile(newWorld(t, visittest.ByFTP(f)), poll.After{Delete: true})
}

func TestVSFTPD(t *testing.T) {
	s := visittest.ByFTP(remotetest.VSFTPD(t))
	s.Grain = time.Minute // in its listings
	visittest.RunAll(t, s, everywhere)
}

func TestPureFTPD(t *testing.T) {
	visittest.RunAll(t, visittest.ByFTP(remotetest.PureFTPD(t)), everywhere)
}
