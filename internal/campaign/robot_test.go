package campaign

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/pkg/sftp"
)

// The ways of sending a file.
const (
	plain   = "plain"
	synced  = "synced"  // fsync before close, as sftp put -f
	renamed = "renamed" // under a temporary name first
	resumed = "resumed" // goes on where it was cut
)

var ways = []string{plain, plain, synced, renamed, renamed, resumed}

// delivery is one file that a robot sends until it is acknowledged.
type delivery struct {
	name     string
	how      string
	content  []byte // until acknowledged
	size     int
	sha      string
	payments int // -1: of no format, to be refused
	tries    int
	stage    stage // of the last try
	maybe    bool  // a try before sent its end: it may be a file already
}

// stage is how far a try came: what may the gateway have of it?
type stage int

const (
	open    stage = iota // its end was never announced: not a file, whatever the gateway has
	closing              // CLOSE went out, under its final name: a file or not
	parked               // it lies under its temporary name; its rename did not go out
	moving               // its rename went out
	acked
)

// robot is a client that sends files, one after the other, and sends again what
// was not acknowledged, as integrations do.
type robot struct {
	g             *gateway
	account, user string
	rng           *rand.Rand
	made          int
	pending       *delivery   // what the last crash cut
	done          []*delivery // acknowledged
	gone          []*delivery // given up before the end was sent
}

// work sends files until the gateway goes away.
func (b *robot) work() {
	c, err := b.g.dial(b.user, "")
	if err != nil {
		if !b.g.dying.Load() {
			b.g.t.Errorf("%s cannot sign in: %v", b.user, err)
		}
		return
	}
	defer c.Close()
	for {
		if b.pending == nil {
			b.pending = b.next()
		}
		if err := b.send(c, b.pending); err != nil {
			if !b.g.dying.Load() {
				b.g.t.Errorf("%s (%s, try %d) failed while the gateway ran: %v", b.pending.name, b.pending.how, b.pending.tries, err)
			}
			return
		}
		b.settled()
	}
}

// settled notes that the pending delivery was acknowledged.
func (b *robot) settled() {
	b.pending.stage = acked
	b.pending.content = nil
	b.done = append(b.done, b.pending)
	b.pending = nil
}

// next makes up a file: mostly small ones, some of a few MiB, a few empty or of
// no format.
func (b *robot) next() *delivery {
	b.made++
	seed := b.rng.Uint64()
	d := &delivery{name: fmt.Sprintf("%s-%06d.xml", b.user, b.made), how: ways[b.rng.IntN(len(ways))], payments: 1 + b.rng.IntN(4)}
	size := 0
	switch lot := b.rng.IntN(100); {
	case lot < 60:
		size = b.rng.IntN(10 << 10)
	case lot < 80:
		size = b.rng.IntN(200 << 10)
	case lot < 85:
		size = (1 + b.rng.IntN(4)) << 16 // whole slots
	case lot < 90:
		size = b.rng.IntN(4 << 20)
	case lot < 92:
		d.payments = 500 + b.rng.IntN(4000) // long enough to be killed while it is indexed
	case lot < 97:
		d.payments, d.content = -1, noise(seed, b.rng.IntN(20<<10))
	default:
		d.payments, d.content = -1, []byte{}
	}
	if d.content == nil {
		d.content = payfile(seed, d.payments, size)
	}
	d.size, d.sha = len(d.content), sum(d.content)
	return d
}

// send tries once to deliver d.
func (b *robot) send(c *sftp.Client, d *delivery) error {
	d.tries++
	path := "/in/" + d.name
	if d.how == renamed {
		if done, err := b.goOn(c, d, path); done || err != nil {
			return err
		}
		path += ".part"
	}
	offset := int64(0)
	if d.how == resumed && d.tries > 1 {
		offset = resumeAt(c, path, d.size)
	}
	flags := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if offset > 0 {
		flags = os.O_WRONLY
	}
	d.stage = open
	f, err := c.OpenFile(path, flags)
	if err != nil {
		return err
	}
	if err := b.write(f, d.content[offset:], offset); err != nil {
		return err
	}
	if d.how == synced {
		if err := f.Sync(); err != nil {
			return err
		}
	}
	if d.how != renamed {
		d.stage, d.maybe = closing, true
		return f.Close()
	}
	if err := f.Close(); err != nil {
		return err
	}
	d.stage = parked
	return b.rename(c, d)
}

// write sends the bytes with many writes under way at once, or one by one.
func (b *robot) write(f *sftp.File, p []byte, offset int64) error {
	if offset == 0 && b.rng.IntN(4) > 0 {
		_, err := f.ReadFrom(bytes.NewReader(p))
		return err
	}
	for len(p) > 0 {
		n := min(len(p), 1+b.rng.IntN(64<<10))
		if _, err := f.WriteAt(p[:n], offset); err != nil {
			return err
		}
		p, offset = p[n:], offset+int64(n)
	}
	return nil
}

func (b *robot) rename(c *sftp.Client, d *delivery) error {
	d.stage, d.maybe = moving, true
	return c.PosixRename("/in/"+d.name+".part", "/in/"+d.name)
}

// goOn does what a careful client does about a file whose rename was not
// answered, half of the time: it looks. The other half sends it again.
func (b *robot) goOn(c *sftp.Client, d *delivery, path string) (done bool, err error) {
	if d.stage != parked && d.stage != moving || b.rng.IntN(2) == 0 {
		return false, nil
	}
	_, err = c.Stat(path)
	switch {
	case err == nil && d.maybe:
		return true, nil // it has its name: taken
	case err == nil:
		return false, fmt.Errorf("%s is there before its rename", path)
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	return true, b.rename(c, d)
}

// resumeAt asks where a cut upload goes on; 0 = from the start.
func resumeAt(c *sftp.Client, path string, size int) int64 {
	info, err := c.Stat(path)
	if err != nil || info.Size() >= int64(size) {
		return 0
	}
	return info.Size()
}

// lookAfterCrash checks that what had not ended is no file, and sometimes gives
// it up for ever.
func (b *robot) lookAfterCrash() {
	b.g.t.Helper()
	d := b.pending
	if d == nil || d.maybe {
		return
	}
	b.g.named(b.account, d.name, 0)
	if d.how == renamed {
		b.g.named(b.account, d.name+".part", 0)
	}
	if b.rng.IntN(6) == 0 {
		b.gone = append(b.gone, d)
		b.pending = nil
	}
}

// finish sends what is still pending, and one more file.
func (b *robot) finish() {
	b.g.t.Helper()
	c := b.g.client(b.user)
	for range 2 {
		if b.pending == nil {
			b.pending = b.next()
		}
		if err := b.send(c, b.pending); err != nil {
			b.g.t.Fatalf("%s (%s, stage %d, try %d): %v", b.pending.name, b.pending.how, b.pending.stage, b.pending.tries, err)
		}
		b.settled()
	}
}

// compare checks what is on record of a delivery that was acknowledged.
func (d *delivery) compare(t testing.TB, rec record) {
	t.Helper()
	want := map[string]string{"keeper": "kept", "eraser": "deleted"}[rec.Account]
	if d.payments < 0 {
		want = "refused"
	} else if len(rec.Findings) > 0 {
		t.Errorf("%s has findings: %+v", d.name, rec.Findings)
	}
	if rec.State != want || rec.Size != int64(d.size) || rec.SHA256 != d.sha || rec.PaymentCount != max(0, d.payments) {
		t.Errorf("%s (%s, %d tries): sent %d bytes, %s, %d payments, to be %s; on record is %+v",
			d.name, d.how, d.tries, d.size, d.sha, d.payments, want, rec)
	}
}

// fetchKept reads the robot's kept files back and compares their bytes.
func (b *robot) fetchKept() {
	b.g.t.Helper()
	if b.account != "keeper" {
		return
	}
	c := b.g.client(b.user)
	for _, d := range b.done {
		if d.payments < 0 {
			continue
		}
		got, err := fetch(c, "/kept/"+d.name)
		if err != nil {
			b.g.t.Errorf("/kept/%s: %v", d.name, err)
		} else if sum(got) != d.sha {
			b.g.t.Errorf("/kept/%s: other bytes came back", d.name)
		}
	}
}
