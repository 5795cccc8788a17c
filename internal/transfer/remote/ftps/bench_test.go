package ftps_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"sealgate/internal/needtest"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/ftps"
	"sealgate/internal/transfer/remote/remotetest"
)

// One big file from vsftpd, by this client and by two others.
func BenchmarkPull(b *testing.B) {
	f := remotetest.VSFTPD(b)
	obscured, err := exec.Command(needtest.Program(b, "rclone"), "obscure", f.Password).Output()
	if err != nil {
		b.Fatal(err)
	}
	connect := func(ctx context.Context) (remote.Session, error) { return ftps.Connect(ctx, config(f, false)) }
	remotetest.BenchmarkPull(b, remotetest.Place{Dir: f.Dir, Disk: f.Disk}, connect, map[string]*exec.Cmd{
		"lftp": exec.Command(needtest.Program(b, "lftp"), "--norc", "-c",
			fmt.Sprintf("set ftp:ssl-force yes; set ftp:ssl-protect-data yes; set ssl:verify-certificate no; set cmd:fail-exit yes; open -u %s,%s ftp://127.0.0.1:%d; cat %s/big", f.User, f.Password, f.Explicit, f.Dir)),
		"rclone": exec.Command(needtest.Program(b, "rclone"), "--config", "/dev/null", "cat",
			fmt.Sprintf(":ftp,host=127.0.0.1,port=%d,user=%s,pass=%s,explicit_tls=true,no_check_certificate=true,disable_tls13=true:%s/big", f.Explicit, f.User, strings.TrimSpace(string(obscured)), f.Dir)),
	})
}
