package push_test

import (
	"os"
	"testing"

	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/visittest"
)

// everywhere is what every kind of server has to show.
var everywhere = []visittest.Test{
	{Name: "what waits is delivered", Run: whatWaitsIsDelivered},
	{Name: "nothing there is overwritten", Run: nothingThereIsOverwritten},
	{Name: "a rename that is refused", Run: aRenameThatIsRefused},
	{Name: "a refused rename and a folder that is empty", Run: aRefusedRenameAndAFolderThatIsEmpty},
	{Name: "a lost answer and a folder that is empty", Run: aLostAnswerAndAFolderThatIsEmpty},
	{Name: "a temporary file that is taken away", Run: aTemporaryFileThatIsTakenAway},
	{Name: "a file that is not to be delivered any more", Run: aFileThatIsNotToBeDeliveredAnyMore},
	{Name: "a full disk there", Run: aFullDiskThere},
	{Name: "a body of ours that is damaged", Run: aBodyOfOursThatIsDamaged},
	{Name: "a file that breaks the connection", Run: aFileThatBreaksTheConnection},
}

func TestOpenSSH(t *testing.T) {
	visittest.RunAll(t, visittest.BySSH(remotetest.OpenSSH(t)), everywhere, []visittest.Test{{Name: "cut anywhere", Run: cutAnywhere}})
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
	cutAnywhere(t, visittest.ByFTP(f))
}

func TestVSFTPD(t *testing.T) { visittest.RunAll(t, visittest.ByFTP(remotetest.VSFTPD(t)), everywhere) }

func TestPureFTPD(t *testing.T) {
	visittest.RunAll(t, visittest.ByFTP(remotetest.PureFTPD(t)), everywhere)
}

// servers are one of each kind.
func servers(t *testing.T) map[string]visittest.Server {
	f, _ := remotetest.ProFTPD(t)
	return map[string]visittest.Server{
		"OpenSSH": visittest.BySSH(remotetest.OpenSSH(t)), "ProFTPD": visittest.ByFTP(f),
		"vsftpd": visittest.ByFTP(remotetest.VSFTPD(t)), "Pure-FTPd": visittest.ByFTP(remotetest.PureFTPD(t)),
	}
}
