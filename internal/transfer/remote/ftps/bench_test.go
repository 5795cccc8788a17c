package ftps_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/needtest"
	"sealgate/internal/transfer/remote/ftps"
	"sealgate/internal/transfer/remote/remotetest"
)

// One big file from vsftpd, by this client and by two others, sign-in and all.
func BenchmarkPull(b *testing.B) {
	const size = 256 << 20
	f := remotetest.VSFTPD(b)
	if err := os.WriteFile(filepath.Join(f.Disk, "big"), remotetest.Bytes(size, 1), 0o644); err != nil {
		b.Fatal(err)
	}
	b.Run("sealgate", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			session, err := ftps.Connect(context.Background(), config(f, false))
			if err != nil {
				b.Fatal(err)
			}
			file, err := session.Open(context.Background(), f.Dir+"/big", 0)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, file); err != nil || n != size {
				b.Fatal(n, err)
			}
			_ = file.Close()
			_ = session.Close()
		}
	})
	obscured, err := exec.Command(needtest.Program(b, "rclone"), "obscure", f.Password).Output()
	if err != nil {
		b.Fatal(err)
	}
	remotetest.BenchmarkOthers(b, size, map[string]*exec.Cmd{
		"lftp": exec.Command(needtest.Program(b, "lftp"), "--norc", "-c",
			fmt.Sprintf("set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ssl:verify-certificate no; set cmd:fail-exit yes; open -u %s,%s ftp://127.0.0.1:%d; cat %s/big", f.User, f.Password, f.Explicit, f.Dir)),
		"rclone": exec.Command(needtest.Program(b, "rclone"), "--config", "/dev/null", "cat",
			fmt.Sprintf(":ftp,host=127.0.0.1,port=%d,user=%s,pass=%s,explicit_tls=true,no_check_certificate=true,disable_tls13=true:%s/big", f.Explicit, f.User, strings.TrimSpace(string(obscured)), f.Dir)),
	})
}
