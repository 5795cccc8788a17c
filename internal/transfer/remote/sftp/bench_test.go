package sftp_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sealgate/internal/needtest"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/sftp"
)

// One big file from sshd, by this client and by two others.
func BenchmarkPull(b *testing.B) {
	s := remotetest.OpenSSH(b)
	key := filepath.Join(b.TempDir(), "key")
	if err := os.WriteFile(key, s.Key, 0o600); err != nil {
		b.Fatal(err)
	}
	from := filepath.Join(s.Disk, "big")
	ssh := fmt.Sprintf("ssh -a -x -F none -p %d -i %s -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR", s.Port, key)
	connect := func(ctx context.Context) (remote.Session, error) { return sftp.Connect(ctx, config(s)) }
	remotetest.BenchmarkPull(b, place(s), connect, map[string]*exec.Cmd{
		"lftp": exec.Command(needtest.Program(b, "lftp"), "--norc", "-c", fmt.Sprintf("set sftp:connect-program '%s'; set cmd:fail-exit yes; open -u %s,x sftp://127.0.0.1:%d; cat %s", ssh, s.User, s.Port, from)),
		"rclone": exec.Command(needtest.Program(b, "rclone"), "--config", "/dev/null", "cat",
			fmt.Sprintf(":sftp,host=127.0.0.1,port=%d,user=%s,key_file=%s,disable_hashcheck=true:%s", s.Port, s.User, key, from)),
	})
}
