package campaign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/transfer/remote/remotetest"
)

// A customer who runs a server installs nothing: what lies there comes, once, and the
// answers go back; as somebody does it by commands.
func TestACustomersOwnServer(t *testing.T) {
	t.Setenv("SEALGATE_REMOTES_ALLOW", "127.0.0.0/8")
	server := remotetest.OpenSSH(t)
	g := newGateway(t, "")
	g.account("acme", "keep")
	key := filepath.Join(t.TempDir(), "key")
	g.check(os.WriteFile(key, server.Key, 0o600))
	in, out := filepath.Join(server.Disk, "in"), filepath.Join(server.Disk, "out")
	g.check(os.MkdirAll(filepath.Join(in, "done"), 0o700))
	g.check(os.Mkdir(out, 0o700))
	content := payfile(7, 3, 0)
	g.check(os.WriteFile(filepath.Join(in, "lon.xml"), content, 0o600))
	g.check(os.WriteFile(filepath.Join(in, "readme.txt"), []byte("not meant"), 0o600))

	address := func(dir string) string { return fmt.Sprintf("sftp://%s@127.0.0.1:%d%s", server.User, server.Port, dir) }
	g.must("remote", "add", "acme", "bank", address(in), "--direction", "pull", "--every", "1h", "--include", "*.xml", "--still", "1s", "--after", "move:done", "--ssh-key", key)
	var report struct {
		OK      bool
		Confirm struct{ Fingerprints []string }
	}
	if stdout, _, code := g.run("remote", "test", "acme", "bank", "--json"); code != 1 || json.Unmarshal([]byte(stdout), &report) != nil || len(report.Confirm.Fingerprints) == 0 {
		t.Fatalf("exit code %d: %s", code, stdout)
	}
	if _, _, code := g.run("remote", "run", "acme", "bank", "--wait"); code != 1 {
		t.Fatalf("a server that nobody has confirmed was visited: exit code %d", code)
	}
	g.must("remote", "set", "acme", "bank", "--off", "--host-key", report.Confirm.Fingerprints[0])
	g.mustJSON(&report, "remote", "test", "acme", "bank")
	var run struct {
		Outcome string
		Files   int
	}
	for _, want := range []int{1, 0} {
		g.mustJSON(&run, "remote", "run", "acme", "bank", "--wait")
		if !report.OK || run.Outcome != "ok" || run.Files != want {
			t.Fatalf("test %v, run %+v, want %d files", report.OK, run, want)
		}
	}
	if f := g.named("acme", "lon.xml", 1)[0]; f.Source != "remote:bank" || f.Size != int64(len(content)) {
		t.Errorf("%+v", f)
	}
	if moved, err := os.ReadFile(filepath.Join(in, "done", "lon.xml")); err != nil || !bytes.Equal(moved, content) {
		t.Errorf("it was not moved there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(in, "readme.txt")); err != nil {
		t.Errorf("what was not meant: %v", err)
	}

	answer := filepath.Join(t.TempDir(), "answer.txt")
	g.check(os.WriteFile(answer, []byte("the answer"), 0o600))
	g.must("file", "send", "acme", answer)
	g.must("remote", "add", "acme", "home", address(out), "--direction", "push", "--ssh-key", key, "--host-key", server.HostKeys[0], "--off")
	g.mustJSON(&run, "remote", "run", "acme", "home", "--wait")
	if left, err := os.ReadFile(filepath.Join(out, "answer.txt")); run.Files != 1 || err != nil || string(left) != "the answer" {
		t.Errorf("%+v; there lies %q, %v", run, left, err)
	}
	var sent []record
	g.mustJSON(&sent, "file", "ls", "acme", "--direction", "out")
	if len(sent) != 1 || sent[0].State != "delivered" {
		t.Errorf("%+v", sent)
	}
}
