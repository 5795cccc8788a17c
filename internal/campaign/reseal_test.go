package campaign

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd sends files of all sizes to an account, over a few sessions.
func crowd(g *gateway, account, user string, from, n int) []*kept {
	g.t.Helper()
	files := make([]*kept, n)
	var work sync.WaitGroup
	for w := range 4 {
		c := g.client(user)
		work.Go(func() {
			for i := w; i < n; i += 4 {
				f := &kept{account: account, user: user, name: fmt.Sprintf("crowd-%d.xml", from+i), content: payfile(uint64(7000+from+i), 1, i%5*40_000)}
				files[i] = f
				if err := put(c, "/in/"+f.name, f.content); err != nil {
					g.t.Errorf("%s: %v", f.name, err)
				}
			}
		})
	}
	work.Wait()
	g.settle(settleBar)
	ids := map[string]string{}
	for _, rec := range g.files(account) {
		ids[rec.Name] = rec.ID
	}
	for _, f := range files {
		if f.id = ids[f.name]; f.id == "" {
			g.t.Fatalf("%s is not on record", f.name)
		}
	}
	return files
}

// allReadable fetches files from /kept over one session.
func (g *gateway) allReadable(files []*kept) {
	g.t.Helper()
	c := g.client(files[0].user)
	bad := 0
	for _, f := range files {
		if got, err := fetch(c, "/kept/"+f.name); err != nil || string(got) != string(f.content) {
			if bad++; bad < 5 {
				g.t.Errorf("/kept/%s: %v, or other bytes", f.name, err)
			}
		}
	}
	if bad > 0 {
		g.t.Errorf("%d of %d files did not come back", bad, len(files))
	}
}

// oldKeysGo removes every certificate and access key of an account but the present
// ones: afterwards a file opens only if it was resealed.
func oldKeysGo(g *gateway, account, keepKey string) {
	g.t.Helper()
	for _, c := range g.certificates(account) {
		if c.RemovedAt == nil && !c.Current {
			g.must("certificate", "rm", account, c.Fingerprint, "--confirm", account)
		}
	}
	for _, id := range g.livingKeys(account) {
		if id != keepKey {
			g.must("access-key", "rm", account, id, "--confirm", account)
		}
	}
}

// rotated renews the certificate and adds an access key, and returns this key.
func rotated(g *gateway, account string) string {
	g.t.Helper()
	old := g.livingKeys(account)
	g.must("certificate", "renew", account)
	g.must("access-key", "add", account)
	for _, id := range g.livingKeys(account) {
		if !strings.Contains(strings.Join(old, " "), id) {
			return id
		}
	}
	g.t.Fatal("no access key was added")
	return ""
}

// TestCampaignResealKilled reseals hundreds of files under kill -9 at random moments,
// while other files arrive and are fetched. In the end every file opens with the new
// keys alone.
func TestCampaignResealKilled(t *testing.T) {
	r := lots(t)
	g := newGateway(t, "")
	g.account("acme", "keep")
	g.login("acme", "robot")
	files := crowd(g, "acme", "robot", 0, pick(200, 2000))
	key := rotated(g, "acme")
	kills := 0
	for round := 0; ; round++ {
		out := g.must("account", "reseal", "acme", "--detach", "--json")
		left := decode[struct {
			Left int64 `json:"left"`
		}](t, out).Left
		if left == 0 {
			break
		}
		if round > 40 {
			t.Fatalf("%d files are left after %d kills", left, kills)
		}
		var work sync.WaitGroup
		var stop atomic.Bool
		c, err := g.dial("robot", "")
		g.check(err)
		name, content := fmt.Sprintf("meanwhile-%d.xml", round), payfile(uint64(50_000+round), 1, 100_000)
		acknowledged := put(c, "/in/"+name, content) == nil
		seed := r.Uint64()
		work.Go(func() { // a reader finds the old object or the new one
			lot := rand.New(rand.NewPCG(seed, 0))
			for !stop.Load() {
				f := files[lot.IntN(len(files))]
				if got, err := fetch(c, "/kept/"+f.name); err == nil && string(got) != string(f.content) {
					t.Errorf("/kept/%s gave other bytes while it was resealed", f.name)
				} else if err != nil && !g.dying.Load() {
					t.Errorf("/kept/%s while it was resealed: %v", f.name, err)
				}
			}
		})
		pause(time.Duration(r.Int64N(int64(400 * time.Millisecond))))
		g.kill()
		stop.Store(true)
		work.Wait()
		c.Close()
		kills++
		startInTime(g)
		if acknowledged {
			g.settle(settleBar)
			files = append(files, &kept{"acme", "robot", name, g.named("acme", name, 1)[0].ID, content})
		}
	}
	g.must("account", "reseal", "acme")
	g.settle(settleBar)
	g.allReadable(files)
	oldKeysGo(g, "acme", key)
	g.allReadable(files)
	g.must("audit", "verify")
	g.stop()
	checkStores(g)
	t.Logf("%d files resealed under %d kills", len(files), kills)
}

// TestCampaignResealWhileFilesArrive reseals an account that goes on receiving.
func TestCampaignResealWhileFilesArrive(t *testing.T) {
	g := newGateway(t, "")
	g.account("acme", "keep")
	g.login("acme", "robot")
	files := crowd(g, "acme", "robot", 0, 60)
	key := rotated(g, "acme")
	var work sync.WaitGroup
	var more []*kept
	work.Go(func() { more = crowd(g, "acme", "robot", 1000, 60) })
	for range 3 { // the same work, asked for more than once
		work.Go(func() { g.must("account", "reseal", "acme") })
	}
	work.Wait()
	g.must("account", "reseal", "acme")
	oldKeysGo(g, "acme", key)
	g.allReadable(append(files, more...))
	g.stop()
	checkStores(g)
}

// TestCampaignResealOnFullDisk fills the disk under a reseal: no file suffers, and it
// goes on when there is room.
func TestCampaignResealOnFullDisk(t *testing.T) {
	disk := smallDisk(t, 48)
	g := newGateway(t, filepath.Join(disk, "data"))
	g.account("acme", "keep")
	g.login("acme", "robot")
	var files []*kept
	for i := range 4 {
		files = append(files, g.send("acme", "robot", fmt.Sprintf("big-%d.xml", i), payfile(uint64(i), 1, 3<<20)))
	}
	files = append(files, crowd(g, "acme", "robot", 0, 10)...)
	key := rotated(g, "acme")
	free := ballast(t, disk, 2<<10)
	if said := g.exits(1, "account", "reseal", "acme"); !strings.Contains(said, "full") && !strings.Contains(said, "room") {
		t.Errorf("reseal on a full disk says: %s", said)
	}
	g.running()
	g.allReadable(files)
	g.kill() // and a crash on the full disk
	startInTime(g)
	g.allReadable(files)
	free()
	g.must("account", "reseal", "acme")
	g.allReadable(files)
	oldKeysGo(g, "acme", key)
	g.allReadable(files)
	g.stop()
	checkStores(g)
}
