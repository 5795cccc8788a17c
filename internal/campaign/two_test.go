package campaign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestCampaignSameName lets two sessions of one login, and two logins, send the
// same name at the same time. Every acknowledged file is one of its own.
func TestCampaignSameName(t *testing.T) {
	g := newGateway(t, "")
	g.account("keeper", "keep")
	g.login("keeper", "one")
	g.login("keeper", "two")
	rounds := pick(5, 50)
	want := map[string]bool{} // SHA-256 of what was acknowledged
	var mu sync.Mutex
	for round := range rounds {
		var work sync.WaitGroup
		var refused atomic.Int32
		for i, user := range []string{"one", "one", "two"} {
			content := payfile(uint64(1000*round+i), 1, (round%3)*150_000+i)
			c := g.client(user)
			work.Go(func() {
				if err := put(c, "/in/same.xml", content); err != nil {
					refused.Add(1)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				want[sum(content)] = true
			})
		}
		work.Wait()
		if n := refused.Load(); n > 1 {
			t.Errorf("round %d: %d of 3 uploads were refused", round, n)
		}
	}
	g.settle(settleBar)
	list := g.named("keeper", "same.xml", len(want))
	for _, rec := range list {
		if !want[rec.SHA256] || rec.State != "kept" {
			t.Errorf("not as sent: %+v", rec)
		}
		delete(want, rec.SHA256)
	}
	for sha := range want {
		t.Errorf("acknowledged and not on record: %s", sha)
	}
	g.stop()
	checkStores(g)
}

// TestCampaignPutWhileRename renames a file while others are put to both of its
// names: what is acknowledged is on record, whatever the names are then.
func TestCampaignPutWhileRename(t *testing.T) {
	g := newGateway(t, "")
	g.account("keeper", "keep")
	g.login("keeper", "one")
	a, b, c := g.client("one"), g.client("one"), g.client("one")
	want := map[string]bool{}
	var mu sync.Mutex
	acknowledged := func(content []byte) {
		mu.Lock()
		defer mu.Unlock()
		want[sum(content)] = true
	}
	for round := range pick(10, 200) {
		var work sync.WaitGroup
		file := func(i int) []byte { return payfile(uint64(10*round+i), 1, (round%2)*200_000) }
		work.Go(func() {
			content := file(0)
			if put(a, "/in/x.xml.part", content) == nil && a.PosixRename("/in/x.xml.part", "/in/x.xml") == nil {
				acknowledged(content)
			}
		})
		work.Go(func() {
			if content := file(1); put(b, "/in/x.xml", content) == nil {
				acknowledged(content)
			}
		})
		work.Go(func() {
			_ = c.Rename("/in/x.xml", "/in/y.xml")
			_ = c.Remove("/in/y.xml")
		})
		work.Wait()
	}
	g.settle(settleBar)
	onRecord := map[string]int{}
	for _, rec := range g.files("keeper") {
		onRecord[rec.SHA256]++
		if rec.State != "kept" {
			t.Errorf("%+v", rec)
		}
	}
	for sha := range want {
		if onRecord[sha] != 1 {
			t.Errorf("an acknowledged file is on record %d times", onRecord[sha])
		}
	}
	if len(want) == 0 {
		t.Error("nothing was acknowledged")
	}
	g.stop()
	checkStores(g)
}

// TestCampaignTwoGateways starts a second gateway on the same directory.
func TestCampaignTwoGateways(t *testing.T) {
	g := newGateway(t, "")
	g.account("keeper", "keep")
	g.login("keeper", "one")
	for range 3 {
		_, errs, code := g.run("serve", "--sftp-listen", "127.0.0.1:0", "--https-listen", "127.0.0.1:0", "--metrics-listen", "off")
		if code == 0 || !strings.Contains(errs, "another gateway") || !strings.Contains(errs, g.dir) {
			t.Fatalf("the second gateway: exit code %d, %q", code, errs)
		}
	}
	g.check(put(g.client("one"), "/in/a.xml", payfile(1, 1, 0)))
	g.settle(settleBar)
	g.named("keeper", "a.xml", 1)
	g.kill()
	g.start() // a lock left by kill -9 is none
	g.named("keeper", "a.xml", 1)
}

// TestCampaignDrain ends the gateway with SIGTERM under uploads: those that run
// come to their end, nobody new comes in, and it exits with 0.
func TestCampaignDrain(t *testing.T) {
	g := newGateway(t, "")
	g.account("keeper", "keep")
	g.login("keeper", "one")
	idle := g.client("one")
	var under, work sync.WaitGroup
	var taken atomic.Int32
	term := make(chan struct{})
	const uploads = 6
	contents := make([][]byte, uploads)
	for i := range uploads {
		contents[i] = payfile(uint64(i), 1, 600_000+i)
		c := g.client("one")
		under.Add(1)
		work.Go(func() {
			f, err := c.OpenFile(fmt.Sprintf("/in/drain-%d.xml", i), os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
			if err == nil {
				_, err = f.Write(contents[i][:300_000])
			}
			under.Done()
			if err != nil {
				t.Errorf("upload %d: %v", i, err)
				return
			}
			<-term
			for at := 300_000; err == nil && at < len(contents[i]); at += 100_000 {
				pause(30 * time.Millisecond)
				_, err = f.Write(contents[i][at:min(at+100_000, len(contents[i]))])
			}
			if err == nil {
				err = f.Close()
			}
			if err != nil {
				t.Errorf("upload %d was cut by the drain: %v", i, err)
				return
			}
			taken.Add(1)
		})
	}
	under.Wait()
	began := time.Now()
	g.dying.Store(true)
	g.check(g.cmd.Process.Signal(syscall.SIGTERM))
	close(term)
	work.Wait()
	select {
	case <-g.exited:
	case <-time.After(40 * time.Second):
		t.Fatal("serve does not end")
	}
	if g.err != nil {
		t.Errorf("serve ended with %v", g.err)
	}
	t.Logf("%d uploads finished, ended after %v", taken.Load(), time.Since(began).Round(time.Millisecond))
	if _, err := idle.Stat("/in"); err == nil {
		t.Error("an idle session outlived the gateway")
	}
	if _, err := g.dial("one", ""); err == nil {
		t.Error("somebody came in after SIGTERM")
	}
	g.start()
	g.settle(settleBar)
	for i := range uploads {
		rec := g.named("keeper", fmt.Sprintf("drain-%d.xml", i), 1)[0]
		if rec.SHA256 != sum(contents[i]) || rec.State != "kept" {
			t.Errorf("%+v", rec)
		}
	}
	g.stop()
	checkStores(g)
}

// TestCampaignManyFiles sends a great many small files over a few sessions.
func TestCampaignManyFiles(t *testing.T) {
	began := time.Now()
	g := newGateway(t, "")
	crew := hire(g, lots(t), 4)
	total := pick(500, 10_000)
	want := make(map[string]string, total)
	var work sync.WaitGroup
	var mu sync.Mutex
	for i, b := range crew {
		c := g.client(b.user)
		work.Go(func() {
			for n := i; n < total; n += len(crew) {
				name, content := fmt.Sprintf("many-%05d.xml", n), payfile(uint64(n), 1, 0)
				if err := put(c, "/in/"+name, content); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				mu.Lock()
				want[name] = sum(content)
				mu.Unlock()
			}
		})
	}
	work.Wait()
	sent := time.Since(began)
	g.settle(10 * time.Minute)
	list := g.files()
	if len(list) != total {
		t.Errorf("%d files on record, %d were sent", len(list), total)
	}
	for _, rec := range list {
		if want[rec.Name] != rec.SHA256 || rec.PaymentCount != 1 || rec.State != "kept" && rec.State != "deleted" {
			t.Errorf("not as sent: %+v", rec)
		}
		delete(want, rec.Name)
	}
	if len(want) > 0 {
		t.Errorf("%d acknowledged files are not on record", len(want))
	}
	t.Logf("%d files sent in %v, at rest after %v", total, sent.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	g.stop()
	checkStores(g)
}

// TestCampaignBigFile sends 1 GiB, in the long form, and reads it back.
func TestCampaignBigFile(t *testing.T) {
	g := newGateway(t, "")
	g.account("keeper", "keep")
	g.login("keeper", "one")
	head := payfile(1, 5, 0)
	size := int64(pick(20<<20, 1<<30))
	content := io.MultiReader(bytes.NewReader(head), &io.LimitedReader{R: spaces{}, N: size - int64(len(head))})
	h := sha256.New()
	c := g.client("one")
	f, err := c.OpenFile("/in/big.xml", os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	g.check(err)
	began := time.Now()
	_, err = f.ReadFrom(io.TeeReader(content, h))
	g.check(err)
	g.check(f.Close())
	t.Logf("%d MiB sent in %v", size>>20, time.Since(began).Round(time.Millisecond))
	g.settle(10 * time.Minute)
	sha := hex.EncodeToString(h.Sum(nil))
	if rec := g.named("keeper", "big.xml", 1)[0]; rec.State != "kept" || rec.Size != size || rec.SHA256 != sha || rec.PaymentCount != 5 {
		t.Fatalf("%+v, sent %s", rec, sha)
	}
	back := sha256.New()
	r, err := c.Open("/kept/big.xml")
	g.check(err)
	n, err := r.WriteTo(back)
	if err != nil || n != size || hex.EncodeToString(back.Sum(nil)) != sha {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	g.check(r.Close())
	out := t.TempDir() + "/big.xml"
	g.must("file", "get", g.named("keeper", "big.xml", 1)[0].ID, "-o", out)
	info, err := os.Stat(out)
	if err != nil || info.Size() != size {
		t.Errorf("file get: %v, %v", info, err)
	}
	if _, err := c.Stat("/in/big.xml.part"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a name that nobody sent: %v", err)
	}
	g.stop()
	checkStores(g)
}

// spaces is endless white space.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = " \n"[i&1]
	}
	return len(p), nil
}
