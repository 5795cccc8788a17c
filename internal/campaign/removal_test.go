package campaign

import (
	"bytes"
	"crypto"
	"crypto/hpke"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/pkg/sftp"

	"sealgate/internal/keys"
	"sealgate/internal/keys/master"
)

// kept is one file that was sent and came to rest.
type kept struct {
	account, user, name, id string
	content                 []byte
}

// send sends a file and waits until it is kept.
func (g *gateway) send(account, user, name string, content []byte) *kept {
	g.t.Helper()
	g.check(put(g.client(user), "/in/"+name, content))
	g.settle(settleBar)
	rec := g.named(account, name, 1)[0]
	if rec.State != "kept" {
		g.t.Fatalf("not kept: %+v", rec)
	}
	return &kept{account, user, name, rec.ID, content}
}

// readable wants a file back bit-exact, by every means.
func (g *gateway) readable(files ...*kept) {
	g.t.Helper()
	clients := map[string]*sftp.Client{}
	for _, f := range files {
		c := clients[f.user]
		if c == nil {
			c = g.client(f.user)
			clients[f.user] = c
		}
		if got, err := fetch(c, "/kept/"+f.name); err != nil || !bytes.Equal(got, f.content) {
			g.t.Errorf("/kept/%s of %s: %v, or other bytes", f.name, f.account, err)
		}
		out := filepath.Join(g.t.TempDir(), "out")
		if _, errs, code := g.run("file", "get", f.id, "-o", out); code != 0 {
			g.t.Errorf("file get %s of %s: exit code %d\n%s", f.name, f.account, code, errs)
		} else if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, f.content) {
			g.t.Errorf("file get %s of %s: other bytes, %v", f.name, f.account, err)
		}
	}
}

// lost wants a file to open by no means that the gateway has.
func (g *gateway) lost(files ...*kept) {
	g.t.Helper()
	for i, f := range files {
		out := filepath.Join(g.t.TempDir(), fmt.Sprint("out-", i))
		for _, decide := range []string{"show", "release", "reindex"} { // of a held file, in an old catalog
			_, _, _ = g.run("file", decide, f.id)
			if said, errs, code := g.run("file", "get", f.id, "-o", out); code != 3 && code != 4 {
				g.t.Errorf("file get %s of %s, which is lost: exit code %d\n%s%s", f.name, f.account, code, said, errs)
			}
		}
		if got, err := os.ReadFile(out); err == nil {
			g.t.Errorf("%s of %s is lost, and %d bytes of it were written", f.name, f.account, len(got))
		}
		c, err := g.dial(f.user, "")
		if err != nil {
			continue // of a closed account
		}
		for _, name := range []string{f.name, f.id} {
			if got, err := fetch(c, "/kept/"+name); err == nil {
				g.t.Errorf("/kept/%s of %s is lost, and gave %d bytes", name, f.account, len(got))
			}
		}
		c.Close()
	}
}

// keyring is every key that a key store holds.
type keyring struct {
	certificates []crypto.PrivateKey
	access       []hpke.PrivateKey
	ingest       []hpke.PrivateKey
}

// keyringOf opens the key store of a data directory, with its master key.
func keyringOf(t testing.TB, dir string) keyring {
	t.Helper()
	own := filepath.Join(t.TempDir(), "keys")
	if err := copyTree(own, filepath.Join(dir, "keys"), nil); err != nil {
		t.Fatal(err)
	}
	store, err := keys.Open(t.Context(), own, master.File(filepath.Join(own, "master.key")), keys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var r keyring
	names, err := filepath.Glob(filepath.Join(own, "account-*.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		a, err := store.Account(uuid.MustParse(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "account-"), ".key")))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range a.Certificates() {
			r.certificates = append(r.certificates, c.Key)
		}
		for _, k := range a.AccessKeys() {
			if k.Private != nil {
				r.access = append(r.access, k.Private)
			}
		}
	}
	for _, k := range store.IngestKeys() {
		r.ingest = append(r.ingest, k.Private)
	}
	return r
}

// opens tries a sealed body with every key of the ring.
func (r keyring) opens(t testing.TB, body string) bool {
	t.Helper()
	for _, c := range r.certificates {
		for _, a := range r.access {
			if opens(t, body, c, a) {
				return true
			}
		}
	}
	return false
}

// removal is one key that is removed, and what hangs on it.
type removal struct {
	what    string
	command []string // without --confirm and -o
	account string
	lost    []*kept
	stay    []*kept // of the same account
	moving  int     // files that are lost, too, as soon as they have come to rest
	note    string  // the signed statement
}

// TestCampaignRemovedKeys removes certificates, access keys and a year's key. What
// was sealed under them opens by no means that the gateway has, in the vault and in
// backups from before: an old backup beside today's key store and master key is
// tried. What other keys open, opens.
func TestCampaignRemovedKeys(t *testing.T) {
	g := newGateway(t, "")
	safe := t.TempDir()
	copied := filepath.Join(safe, "keys.backup")
	list, bystander := removals(g)
	var others []*kept
	held := heldThenKept(g, filepath.Join(safe, "held"))
	list = append(list, held)
	g.must("keys", "backup", copied)
	before := filepath.Join(safe, "before")
	g.must("backup", before)
	for _, r := range list {
		g.readable(r.lost...)
		g.readable(r.stay...)
		others = append(others, r.stay...)
	}
	others = append(others, bystander)

	identity := struct {
		Signs string `json:"identity_fingerprint"`
	}{}
	g.mustJSON(&identity, "keys", "show")
	verifier := newCustomer(t)
	for _, r := range list {
		saysWhatIsLost(g, r)
		r.note = verifier.path(r.account + ".statement")
		said := g.must(append(r.command, "--confirm", r.account, "-o", r.note)...)
		if !strings.Contains(said, "written anew") {
			t.Errorf("%s: nothing is said about the copy of the keys:\n%s", r.what, said)
		}
		g.lost(r.lost...)
		g.readable(r.stay...)
		statementHolds(verifier, r, identity.Signs)
	}
	g.readable(bystander)

	// With all keys of today, by hand.
	after := filepath.Join(safe, "after")
	g.must("backup", after)
	g.stop()
	ring := keyringOf(t, g.dir)
	for _, dir := range []string{filepath.Join(safe, "held"), before, after, g.dir} {
		l := lootOf(t, dir)
		bodies := l.bodies()
		for _, r := range list {
			for _, f := range r.lost {
				if bodies[f.id] != "" && ring.opens(t, bodies[f.id]) {
					t.Errorf("%s: %s opens with keys of today, in %s", r.what, f.name, filepath.Base(dir))
				}
				if l.byGrant(f.id, ring.ingest) {
					t.Errorf("%s: %s opens with an ingest key of today, in %s", r.what, f.name, filepath.Base(dir))
				}
			}
		}
		for _, f := range others {
			if bodies[f.id] != "" && !ring.opens(t, bodies[f.id]) {
				t.Errorf("%s of %s does not open any more, in %s", f.name, f.account, filepath.Base(dir))
			}
		}
	}
	// With what the gateway itself does with an old backup: beside today's key
	// store, and beside one made out of the copy of the keys.
	for _, name := range []string{"held", "before", "after"} {
		old := restored(g, filepath.Join(safe, name), func(to string) {
			g.check(copyTree(filepath.Join(to, "keys"), filepath.Join(g.dir, "keys"), nil))
		})
		restoredHolds(old, list, others)
		old.kill()
	}
	old := restored(g, before, func(to string) {
		g.check(os.MkdirAll(filepath.Join(to, "keys"), 0o700))
		master, err := os.ReadFile(filepath.Join(g.dir, "keys", "master.key"))
		g.check(err)
		elsewhere := filepath.Join(safe, "master.key")
		g.check(os.WriteFile(elsewhere, master, 0o600))
		own := &gateway{t: t, dir: to, env: []string{"SEALGATE_KEYS_MASTER=file:" + elsewhere}}
		own.must("keys", "restore", copied)
		g.check(os.Rename(elsewhere, filepath.Join(to, "keys", "master.key")))
	})
	restoredHolds(old, list, others)
	old.kill()
}

// removals makes accounts with files under keys that will go and keys that stay.
func removals(g *gateway) (list []*removal, bystander *kept) {
	g.t.Helper()
	for _, account := range []string{"renewed", "closing", "rotated", "locked-out", "bystander"} {
		g.account(account, "keep")
		g.login(account, "robot-"+account)
	}
	g.must("account", "add", "yearly", "--key-period", "year")
	g.login("yearly", "robot-yearly")
	n := uint64(0)
	files := func(account, name string) (list []*kept) {
		for _, size := range []int{0, 200 << 10} {
			n++
			list = append(list, g.send(account, "robot-"+account, fmt.Sprintf("%s-%d.xml", name, size), payfile(500+n, 2, size)))
		}
		return list
	}
	add := func(what, account, command, key string, lost, stay []*kept) {
		list = append(list, &removal{what: what, account: account, command: []string{command, "rm", account, key}, lost: lost, stay: stay})
	}

	// A certificate that was renewed: its files go, those under the new one stay.
	old := files("renewed", "old")
	first := g.current("renewed")
	g.must("certificate", "renew", "renewed")
	add("an old certificate", "renewed", "certificate", first, old, files("renewed", "new"))
	// The last certificate.
	add("the last certificate", "closing", "certificate", g.current("closing"), files("closing", "all"), nil)
	// An access key beside another: files from before the other are lost.
	old = files("rotated", "old")
	key := g.accessKeys("rotated")[0].ID
	g.must("access-key", "add", "rotated")
	add("an access key", "rotated", "access-key", key, old, files("rotated", "both"))
	// The last access key.
	add("the last access key", "locked-out", "access-key", g.accessKeys("locked-out")[0].ID, files("locked-out", "all"), nil)
	// A year's key.
	old = files("yearly", "year")
	add("a year's key", "yearly", "access-key", g.accessKeys("yearly")[0].Period, old, nil)
	return list, files("bystander", "here")[0]
}

// heldThenKept makes a backup at a time when the gateway could still read a file by
// its grant, because it was held: afterwards it is released, and kept.
func heldThenKept(g *gateway, backup string) *removal {
	g.t.Helper()
	g.account("halted", "keep")
	g.login("halted", "robot-halted")
	first := g.send("halted", "robot-halted", "once.xml", payfile(900, 2, 0))
	g.check(put(g.client("robot-halted"), "/in/again.xml", first.content))
	g.settle(settleBar)
	rec := g.named("halted", "again.xml", 1)[0]
	if rec.State != "held" {
		g.t.Fatalf("the same bytes again are not held: %+v", rec)
	}
	g.must("backup", backup)
	g.must("file", "release", rec.ID)
	g.settle(settleBar)
	again := &kept{"halted", "robot-halted", "again.xml", rec.ID, first.content}
	// The answer to the held file waits in the outbox: it counts, too.
	return &removal{
		what: "a key, after a file was held", account: "halted", command: []string{"access-key", "rm", "halted", g.accessKeys("halted")[0].ID},
		lost: []*kept{first, again}, moving: 1,
	}
}

// saysWhatIsLost gives the command without --confirm, and with a wrong one: it says
// in one sentence for whom what would be lost, and does nothing.
func saysWhatIsLost(g *gateway, r *removal) {
	g.t.Helper()
	for _, args := range [][]string{r.command, append(r.command[:len(r.command):len(r.command)], "--confirm", "somebody")} {
		said := g.exits(2, args...)
		if !strings.Contains(said, r.account) || !strings.Contains(said, fmt.Sprintf(" %d files ", len(r.lost)+r.moving)) {
			g.t.Errorf("%s without --confirm does not name %s and %d files: %s", r.what, r.account, len(r.lost)+r.moving, said)
		}
	}
	g.readable(r.lost...)
}

// statementHolds checks a signed statement where nothing of the gateway is.
func statementHolds(c *customer, r *removal, identity string) {
	c.t.Helper()
	c.must("receipt", "verify", r.note)
	c.must("receipt", "verify", r.note, "--identity", identity)
	c.exits(6, "receipt", "verify", r.note, "--identity", "SHA256:"+strings.Repeat("A", 43))
	text, err := os.ReadFile(r.note)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range r.lost {
		if !bytes.Contains(text, []byte(f.id)) {
			c.t.Errorf("%s: the statement does not list %s", r.what, f.name)
		}
	}
	for _, f := range r.stay {
		if bytes.Contains(text, []byte(f.id)) {
			c.t.Errorf("%s: the statement lists %s, which opens", r.what, f.name)
		}
	}
	forged := bytes.Replace(text, []byte(r.lost[0].id), []byte(uuid.NewString()), 1)
	if err := os.WriteFile(c.path("forged"), forged, 0o600); err != nil {
		c.t.Fatal(err)
	}
	c.exits(6, "receipt", "verify", "forged")
}

// restored makes a gateway out of a backup and starts it.
func restored(g *gateway, backup string, bringKeys func(dir string)) *gateway {
	g.t.Helper()
	old := &gateway{t: g.t, dir: filepath.Join(g.t.TempDir(), "data"), signer: g.signer, keyFile: g.keyFile, logFile: filepath.Join(g.t.TempDir(), "restored.log")}
	old.must("restore", backup)
	bringKeys(old.dir)
	old.start()
	g.t.Cleanup(old.kill)
	return old
}

// restoredHolds wants an old catalog to give nothing of what was removed since.
func restoredHolds(old *gateway, list []*removal, others []*kept) {
	old.t.Helper()
	for _, r := range list {
		old.lost(r.lost...)
		out := filepath.Join(old.t.TempDir(), "key")
		args := []string{r.command[0], "export", r.account, r.command[3], "-o", out}
		if r.command[0] == "certificate" {
			args = append(args, "--with-key")
		}
		if said, errs, code := old.run(args...); code != 3 && code != 4 {
			old.t.Errorf("%s: export of a removed key: exit code %d\n%s%s", r.what, code, said, errs)
		}
		for _, c := range old.certificates(r.account) {
			if c.Fingerprint == r.command[3] && (c.RemovedAt == nil || c.KeyHere) {
				old.t.Errorf("%s: the old catalog has not heard of it: %+v", r.what, c)
			}
		}
		for _, k := range old.accessKeys(r.account) {
			if (k.ID == r.command[3] || k.Period != "" && k.Period == r.command[3]) && k.RemovedAt == nil {
				old.t.Errorf("%s: the old catalog has not heard of it: %+v", r.what, k)
			}
		}
	}
	old.readable(others...)
	var statements []json.RawMessage
	old.mustJSON(&statements, "statement", "ls", list[0].account)
	old.must("audit", "verify")
}
