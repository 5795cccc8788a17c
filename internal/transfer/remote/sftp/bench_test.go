package sftp_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"sealgate/internal/needtest"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/sftp"
)

// One big file from sshd, by this client and by two others, sign-in and all.
func BenchmarkPull(b *testing.B) {
	const size = 256 << 20
	s := remotetest.OpenSSH(b)
	if err := os.WriteFile(filepath.Join(s.Disk, "big"), remotetest.Bytes(size, 1), 0o644); err != nil {
		b.Fatal(err)
	}
	key := filepath.Join(b.TempDir(), "key")
	if err := os.WriteFile(key, s.Key, 0o600); err != nil {
		b.Fatal(err)
	}
	from := filepath.Join(s.Disk, "big")
	ssh := fmt.Sprintf("ssh -a -x -F none -p %d -i %s -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR", s.Port, key)
	b.Run("sealgate", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			session, err := sftp.Connect(context.Background(), config(s))
			if err != nil {
				b.Fatal(err)
			}
			f, err := session.Open(context.Background(), from, 0)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, f); err != nil || n != size {
				b.Fatal(n, err)
			}
			_ = f.Close()
			_ = session.Close()
		}
	})
	remotetest.BenchmarkOthers(b, size, map[string]*exec.Cmd{
		"lftp": exec.Command(needtest.Program(b, "lftp"), "--norc", "-c", fmt.Sprintf("set sftp:connect-program '%s'; set cmd:fail-exit yes; open -u %s,x sftp://127.0.0.1:%d; cat %s", ssh, s.User, s.Port, from)),
		"rclone": exec.Command(needtest.Program(b, "rclone"), "--config", "/dev/null", "cat",
			fmt.Sprintf(":sftp,host=127.0.0.1,port=%d,user=%s,key_file=%s,disable_hashcheck=true:%s", s.Port, s.User, key, from)),
	})
}
