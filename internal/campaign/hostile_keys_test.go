package campaign

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCampaignDangerousCommands gives every command that destroys something without
// its confirmation, and with a wrong one: it says in one sentence what would be lost,
// for whom and how many files, and does nothing.
func TestCampaignDangerousCommands(t *testing.T) {
	g := newGateway(t, "")
	g.account("acme", "keep")
	g.login("acme", "robot")
	var files []*kept
	for i := range 3 {
		files = append(files, g.send("acme", "robot", fmt.Sprintf("a-%d.xml", i), payfile(uint64(i), 1, i*100<<10)))
	}
	g.must("account", "add", "yearly", "--key-period", "year")
	g.login("yearly", "yearly")
	yearly := g.send("yearly", "yearly", "y.xml", payfile(9, 1, 0))
	files = append(files, yearly)
	for _, row := range []struct {
		command []string
		wants   []string
	}{
		{[]string{"certificate", "rm", "acme", g.current("acme")}, []string{"acme", "3 files"}},
		{[]string{"access-key", "rm", "acme", g.accessKeys("acme")[0].ID}, []string{"acme", "3 files"}},
		{[]string{"access-key", "rm", "yearly", g.accessKeys("yearly")[0].Period}, []string{"yearly", "1 file"}},
		{[]string{"certificate", "rm", "acme", g.current("acme"), "--after", "14d"}, []string{"acme", "3 files"}},
		{[]string{"account", "rm", "acme"}, []string{"acme", "3 "}},
		{[]string{"file", "erase", files[0].id}, []string{"acme", "1 file"}},
	} {
		for _, confirm := range [][]string{nil, {"--confirm", "other"}, {"--confirm", ""}} {
			said := g.exits(2, append(row.command[:len(row.command):len(row.command)], confirm...)...)
			for _, want := range row.wants {
				if !strings.Contains(said, want) {
					t.Errorf("gateway %s %s does not say %q:\n%s", strings.Join(row.command, " "), confirm, want, said)
				}
			}
		}
	}
	g.readable(files...)

	// Files that are older than a new keep-for are gone within minutes.
	g.stop()
	v := &victim{gateway: g}
	v.edit(`UPDATE account SET created_at = created_at - 300 * 86400000000`)
	v.edit(`UPDATE file SET received_at = received_at - 200 * 86400000000`)
	g.start()
	said := g.exits(2, "account", "set", "acme", "--keep-for", "30d")
	if !strings.Contains(said, "acme") || !strings.Contains(said, "3 ") {
		t.Errorf("account set --keep-for does not say what is lost:\n%s", said)
	}
	g.must("account", "set", "acme", "--keep-for", "300d")
	g.readable(files...)
	g.must("account", "set", "acme", "--keep-for", "30d", "--confirm", "acme")
}

// TestCampaignScheduledRemoval schedules removals and calls them off.
func TestCampaignScheduledRemoval(t *testing.T) {
	g := newGateway(t, "")
	g.account("acme", "keep")
	g.login("acme", "robot")
	files := []*kept{g.send("acme", "robot", "a.xml", payfile(1, 1, 0))}
	key := g.accessKeys("acme")[0].ID
	for _, after := range []string{"10m", "800d"} {
		g.exits(2, "access-key", "rm", "acme", key, "--confirm", "acme", "--after", after)
	}
	g.exits(2, "access-key", "rm", "acme", key, "--cancel")
	g.must("access-key", "rm", "acme", key, "--confirm", "acme", "--after", "14d")
	files = append(files, g.send("acme", "robot", "b.xml", payfile(2, 1, 0))) // it is the only one: still in use
	g.kill()
	g.start()
	g.readable(files...)
	g.must("access-key", "rm", "acme", key, "--cancel")
	g.stop()
	g.start()
	g.readable(files...)
	if k := g.accessKeys("acme")[0]; k.RemovedAt != nil {
		t.Errorf("called off and removed: %+v", k)
	}
	// Scheduled beside another key: new files do without it.
	g.must("access-key", "add", "acme")
	g.must("access-key", "rm", "acme", key, "--confirm", "acme", "--after", "14d")
	late := g.send("acme", "robot", "c.xml", payfile(3, 1, 0))
	g.must("access-key", "rm", "acme", key, "--confirm", "acme")
	g.readable(late)
	g.lost(files...)
}

// TestCampaignRemovalUnderTransfers removes keys while files are sent under them and
// fetched: what was acknowledged before is lost as was said, what is acknowledged
// after opens, and no transfer that was cut is a file.
func TestCampaignRemovalUnderTransfers(t *testing.T) {
	g := newGateway(t, "")
	g.account("acme", "keep")
	g.login("acme", "robot")
	big := g.send("acme", "robot", "big.xml", payfile(99, 1, 6<<20))
	for round := range pick(3, 20) {
		living := g.livingKeys("acme")[0]
		var work sync.WaitGroup
		var taken sync.Map
		var stop atomic.Bool
		for i := range 3 {
			c := g.client("robot")
			work.Go(func() {
				for n := 0; !stop.Load(); n++ {
					name := fmt.Sprintf("r%d-%d-%d.xml", round, i, n)
					content := payfile(uint64(100+round*10000+i*1000+n), 1, n%3*70_000)
					if err := put(c, "/in/"+name, content); err != nil {
						if !strings.Contains(err.Error(), "later") && !strings.Contains(err.Error(), "again") {
							t.Errorf("%s: the sender is told: %v", name, err)
						}
						continue
					}
					taken.Store(name, content)
				}
			})
		}
		reader := g.client("robot")
		work.Go(func() {
			for !stop.Load() {
				got, err := fetch(reader, "/kept/big.xml")
				if err == nil && !bytes.Equal(got, big.content) {
					t.Error("/kept gave other bytes under a removal")
				}
			}
		})
		pause(150 * time.Millisecond)
		g.must("access-key", "add", "acme")
		pause(50 * time.Millisecond)
		g.must("access-key", "rm", "acme", living, "--confirm", "acme")
		pause(100 * time.Millisecond)
		stop.Store(true)
		work.Wait()
		g.settle(settleBar)
		// Each acknowledged file either opens, or is one that the statement lists.
		listed := removedLists(g, living)
		opened, lost := 0, 0
		taken.Range(func(name, content any) bool {
			rec := g.named("acme", name.(string), 1)[0]
			got, err := fetch(reader, "/kept/"+name.(string))
			switch {
			case err == nil && bytes.Equal(got, content.([]byte)):
				opened++
				if strings.Contains(listed, rec.ID) {
					t.Errorf("%s opens and the statement lists it", name)
				}
			case strings.Contains(listed, rec.ID):
				lost++
			default:
				t.Errorf("%s was acknowledged, does not open, and no statement lists it: %v, %+v", name, err, rec)
			}
			return true
		})
		t.Logf("round %d: %d files open, %d are lost as was said", round, opened, lost)
		if opened == 0 || lost == 0 {
			t.Errorf("%d files open and %d are lost: the removal did not come between them", opened, lost)
		}
	}
	g.lost(big)
}

// removedLists returns the text of the statement about a key.
func removedLists(g *gateway, object string) string {
	g.t.Helper()
	var list []struct {
		ID     string `json:"id"`
		Object string `json:"object"`
		Signed bool   `json:"signed"`
	}
	g.mustJSON(&list, "statement", "ls", "acme")
	for _, s := range list {
		if s.Object == object && s.Signed {
			return g.must("statement", "get", s.ID)
		}
	}
	g.t.Fatalf("no signed statement about %s: %+v", object, list)
	return ""
}

// TestCampaignTwoRemovals removes the same key twice at once, and both of two keys.
func TestCampaignTwoRemovals(t *testing.T) {
	g := newGateway(t, "")
	g.account("acme", "keep")
	g.login("acme", "robot")
	old := g.send("acme", "robot", "a.xml", payfile(1, 1, 0))
	key := g.accessKeys("acme")[0].ID
	g.must("access-key", "add", "acme")
	both := g.send("acme", "robot", "b.xml", payfile(2, 1, 0))
	codes := atOnce(g, 4, func(int) []string { return []string{"access-key", "rm", "acme", key, "--confirm", "acme"} })
	if codes[0] != 1 {
		t.Errorf("the same key was removed %d times: exit codes %v", codes[0], codes)
	}
	for code := range codes {
		if code != 0 && code != 2 && code != 3 {
			t.Errorf("exit codes %v", codes)
		}
	}
	g.lost(old)
	g.readable(both)
	cert := g.current("acme")
	key = g.livingKeys("acme")[0]
	codes = atOnce(g, 2, func(i int) []string {
		return [][]string{{"access-key", "rm", "acme", key, "--confirm", "acme"}, {"certificate", "rm", "acme", cert, "--confirm", "acme"}}[i]
	})
	if codes[0] != 2 {
		t.Errorf("certificate and access key at once: exit codes %v", codes)
	}
	g.lost(old, both)
	var list []struct {
		Signed bool `json:"signed"`
	}
	g.mustJSON(&list, "statement", "ls", "acme")
	if len(list) != 3 {
		t.Errorf("%d statements about 3 keys: %+v", len(list), list)
	}
	g.must("audit", "verify")
	g.kill()
	g.start()
	g.lost(old, both)
	g.stop()
	checkStores(g)
}

// atOnce runs commands at the same time and counts their exit codes.
func atOnce(g *gateway, n int, command func(i int) []string) map[int]int {
	g.t.Helper()
	codes := map[int]int{}
	var mu sync.Mutex
	var work sync.WaitGroup
	for i := range n {
		work.Go(func() {
			_, _, code := g.run(command(i)...)
			mu.Lock()
			defer mu.Unlock()
			codes[code]++
		})
	}
	work.Wait()
	return codes
}

// TestCampaignPassphrasesAndWords makes an access key under a passphrase and one that
// is written down as words, and mistypes both.
func TestCampaignPassphrasesAndWords(t *testing.T) {
	g := newGateway(t, "")
	g.must("account", "add", "acme", "--keys", "customer")
	g.login("acme", "robot")
	c := newCustomer(t)
	if _, errs, code := c.runWith("correct horse battery\n", "access-key", "new", "-o", "locked.key", "--passphrase-stdin"); code != 0 {
		t.Fatalf("access-key new --passphrase-stdin: exit code %d\n%s", code, errs)
	}
	if text, err := os.ReadFile(c.path("locked.key")); err != nil || !bytes.Contains(text, []byte("ENCRYPTED")) {
		t.Errorf("the key is not encrypted: %v\n%s", err, text)
	}
	c.exits(2, "access-key", "new", "-o", "short.key", "--passphrase-stdin") // none
	made := decode[struct {
		Words []string `json:"words"`
	}](t, c.must("access-key", "new", "-o", "plain.key", "--words", "--json"))
	if len(made.Words) != 24 {
		t.Fatalf("%d words", len(made.Words))
	}

	// The words give the same key; with a word mistyped or two in another order they do not.
	words := strings.Join(made.Words, " ")
	if _, errs, code := c.runWith(words+"\n", "access-key", "from-words", "-o", "again.key"); code != 0 {
		t.Fatalf("from-words: exit code %d\n%s", code, errs)
	}
	first, err := os.ReadFile(c.path("plain.key"))
	g.check(err)
	again, err := os.ReadFile(c.path("again.key"))
	g.check(err)
	if !bytes.Equal(first, again) {
		t.Error("the words give another key")
	}
	typo := append([]string{}, made.Words...)
	typo[6] += "x"
	swapped := append([]string{}, made.Words...)
	for i := range swapped[1:] {
		if swapped[i] != swapped[i+1] {
			swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
			break
		}
	}
	for what, list := range map[string][]string{"a typo": typo, "a word missing": made.Words[1:], "a word too many": append(made.Words[:24:24], "zoo"), "nothing": nil} {
		if out, errs, code := c.runWith(strings.Join(list, " ")+"\n", "access-key", "from-words", "-o", "bad.key"); code != 2 {
			t.Errorf("words with %s: exit code %d\n%s%s", what, code, out, errs)
		} else if what == "a typo" && !strings.Contains(errs, "7") {
			t.Errorf("it does not say which word is mistyped: %s", errs)
		}
	}
	// Two words in another order pass the checksum in one case of 256.
	if _, _, code := c.runWith(strings.Join(swapped, " ")+"\n", "access-key", "from-words", "-o", "swapped.key"); code == 0 {
		got, err := os.ReadFile(c.path("swapped.key"))
		if err != nil || bytes.Equal(got, first) {
			t.Errorf("words in another order give the same key: %v", err)
		}
	} else if code != 2 {
		t.Errorf("words in another order: exit code %d", code)
	}
	if _, err := os.Stat(c.path("bad.key")); err == nil {
		t.Error("mistyped words left a key")
	}

	// The key under the passphrase is made by a process of the customer's and proved at once.
	add := g.runWith("a passphrase of some length\n", "access-key", "add", "acme", "--passphrase-stdin")
	if add != 0 {
		t.Fatalf("access-key add --passphrase-stdin: exit code %d", add)
	}
	f := g.send("acme", "robot", "a.xml", payfile(4, 2, 50<<10))
	out := filepath.Join(t.TempDir(), "out")
	g.exits(4, "file", "get", f.id, "-o", out)
	if code := g.runWith("a passphrase of some lenght\n", "account", "unlock", "acme", "--passphrase-stdin"); code != 4 {
		t.Errorf("unlock with a wrong passphrase: exit code %d", code)
	}
	g.exits(4, "file", "get", f.id, "-o", out)
	if code := g.runWith("a passphrase of some length\n", "account", "unlock", "acme", "--passphrase-stdin"); code != 0 {
		t.Errorf("unlock with the passphrase: exit code %d", code)
	}
	g.must("file", "get", f.id, "-o", out)
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, f.content) {
		t.Errorf("other bytes: %v", err)
	}
	if hits := find(filepath.Dir(g.logFile), "", []string{"a passphrase of some length"}); len(hits) > 0 {
		t.Errorf("the passphrase lies on the disk: %q", hits)
	}
}
