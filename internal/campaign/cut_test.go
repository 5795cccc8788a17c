package campaign

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pkg/sftp"
)

var longAgo = time.Unix(1, 0)

// cut is one upload whose connection is cut.
type cut struct {
	g     *gateway
	c     *sftp.Client // of a connection that stays
	local string       // a folder for what OpenSSH sends
	rng   *rand.Rand

	name    string
	content []byte
	stage   stage
}

// TestCampaignCuts cuts connections at any byte, in either direction. A cut
// upload is no file; OpenSSH's reput finishes it, and a client that goes on with
// other bytes gets what it sent.
func TestCampaignCuts(t *testing.T) {
	began := time.Now()
	r := lots(t)
	g := newGateway(t, "")
	g.account("keeper", "keep")
	g.login("keeper", "robot")
	g.account("trials", "delete")
	g.login("trials", "trial")
	c, local := g.client("robot"), t.TempDir()
	rounds := pick(20, 200)
	want := map[string][]byte{}
	outcomes := map[string]int{}
	for round := range rounds {
		u := &cut{g: g, c: c, local: local, rng: r, name: fmt.Sprintf("cut-%d.xml", round)}
		u.content = payfile(r.Uint64(), 2, cutSize(r))
		p := u.send()
		list := g.files("keeper", "--name", u.name)
		switch {
		case u.stage == open && len(list) > 0, len(list) > 1:
			t.Fatalf("%s was cut and is on record: %+v", u.name, list)
		case u.stage == acked && len(list) != 1:
			t.Fatalf("%s was acknowledged and is on record %d times", u.name, len(list))
		}
		how := "acknowledged"
		if u.stage != acked {
			how = u.finish(len(list) == 1)
		}
		p.hangUp()
		outcomes[how]++
		rec := g.named("keeper", u.name, 1)[0]
		if rec.SHA256 != sum(u.content) || rec.Size != int64(len(u.content)) {
			t.Fatalf("%s (%s): on record are other bytes than were sent: %+v, sent %d, %s", u.name, how, rec, len(u.content), sum(u.content))
		}
		want[u.name] = u.content
	}
	g.settle(settleBar)
	for name, content := range want {
		rec := g.named("keeper", name, 1)[0]
		if rec.State != "kept" || rec.PaymentCount != 2 {
			t.Errorf("%s is %+v", name, rec)
			continue
		}
		got, err := fetch(c, "/kept/"+name)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("/kept/%s: other bytes came back, %v", name, err)
		}
	}
	if n := len(g.files("keeper")); n != rounds {
		t.Errorf("%d files on record, want %d", n, rounds)
	}
	g.stop()
	checkStores(g)
	t.Logf("%d cuts in %v: %v", rounds, time.Since(began).Round(time.Second), outcomes)
}

// cutSize draws a size: with and without whole slots of 64 KiB.
func cutSize(r *rand.Rand) int {
	switch r.IntN(4) {
	case 0:
		return r.IntN(60 << 10)
	case 1:
		return (1 + r.IntN(8)) << 16
	default:
		return r.IntN(2 << 20)
	}
}

// send uploads through a proxy that cuts: anywhere, or near the end, where the
// answer to CLOSE is under way. A file of the same size shows where that is.
func (u *cut) send() *proxy {
	u.g.t.Helper()
	trial := newProxy(u.g.t, u.g.addr("sftp"), ends, noLimit, noLimit)
	if err := u.try(trial, "trial", payfile(u.rng.Uint64(), 2, len(u.content))); err != nil {
		u.g.t.Fatal(err)
	}
	up, down := noLimit, noLimit
	switch totalUp, totalDown := trial.sentUp.Load(), trial.sentDown.Load(); u.rng.IntN(6) {
	case 0:
		down = u.rng.Int64N(totalDown)
	case 5:
		down = totalDown - u.rng.Int64N(min(400, totalDown))
	case 1, 2:
		up = totalUp - u.rng.Int64N(min(3000, totalUp))
	default:
		up = u.rng.Int64N(totalUp)
	}
	p := newProxy(u.g.t, u.g.addr("sftp"), fate(u.rng.IntN(3)), up, down)
	if u.try(p, "robot", u.content) == nil {
		u.stage = acked
	}
	return p
}

// try sends the content and notes whether CLOSE went out.
func (u *cut) try(p *proxy, user string, content []byte) error {
	u.stage = open
	c, err := u.g.dial(user, p.addr())
	if err != nil {
		return err
	}
	defer c.Close()
	f, err := c.OpenFile("/in/"+u.name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	if _, err := f.ReadFrom(bytes.NewReader(content)); err != nil {
		return err
	}
	u.stage = closing
	return f.Close()
}

// finish brings the file in after all, and returns how.
func (u *cut) finish(taken bool) string {
	u.g.t.Helper()
	info, err := u.c.Stat("/in/" + u.name)
	switch {
	case taken:
		u.openssh("put")
		return "sent again"
	case errors.Is(err, fs.ErrNotExist):
		u.openssh("put")
		return "nothing was there"
	case err != nil:
		u.g.t.Fatal(err)
	case info.Size() > 0 && u.rng.IntN(3) == 0:
		u.resumeWithOther(info.Size())
		return "resumed with other bytes"
	}
	u.openssh("reput")
	if info.Size() == 0 {
		return "reput from 0"
	}
	return "reput"
}

func (u *cut) openssh(command string) {
	u.g.t.Helper()
	path := filepath.Join(u.local, u.name)
	u.g.check(os.WriteFile(path, u.content, 0o600))
	info, _ := u.c.Stat("/in/" + u.name)
	if out, err := u.g.openssh("robot", fmt.Sprintf("%s %s /in/%s\n", command, path, u.name)); err != nil {
		u.g.t.Fatalf("%s of %s, %d bytes: %v\n%s\nstat before: %+v", command, u.name, len(u.content), err, out, info)
	}
}

// resumeWithOther goes on with other bytes than were sent before, from the
// offset that the gateway gave or from one before it, to another length.
func (u *cut) resumeWithOther(offset int64) {
	u.g.t.Helper()
	sent := len(u.content) // the new end is not before the old: nothing here cuts a file short
	if u.rng.IntN(2) == 0 {
		offset -= u.rng.Int64N(offset)
	}
	head := bytes.Index(u.content, endOfDocument) + len(endOfDocument)
	kept := max(head, int(offset))
	u.content = append(u.content[:kept:kept], blanks(u.rng.Uint64(), sent-kept+u.rng.IntN(100<<10))...)
	f, err := u.c.OpenFile("/in/"+u.name, os.O_WRONLY)
	u.g.check(err)
	_, err = f.WriteAt(u.content[offset:], offset)
	u.g.check(err)
	u.g.check(f.Close())
}

var endOfDocument = []byte("</Document>")
