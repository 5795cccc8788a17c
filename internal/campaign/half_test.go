package campaign

import (
	"bytes"
	"crypto"
	"crypto/hpke"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sealgate/internal/keys/keyfile"
)

// TestCampaignStolenServer takes the server of a customer who holds his access key
// himself: the data directory without keys/ as it lies on the disk of a running and
// of a stopped gateway, logs of the databases included, and a backup. With the
// certificate's key the names on record open and no content does; with the access
// key nothing opens; with both every kept file opens bit-exact, elsewhere.
func TestCampaignStolenServer(t *testing.T) {
	g := newGateway(t, "")
	c := newHolder(g, "acme")
	users := []string{markUser + "-acme", markUser + "-payroll"}
	for _, user := range users {
		g.login("acme", user)
	}
	sent := map[string][]byte{}
	for i, size := range []int{0, 20 << 10, 300 << 10, 2 << 20} {
		sent[fmt.Sprintf("%s-%d.xml", markName, i)] = marked(i, size, false)
	}
	// By OpenSSH's sftp, under two usernames.
	local := t.TempDir()
	for i, name := range sorted(sent) {
		path := filepath.Join(local, name)
		g.check(os.WriteFile(path, sent[name], 0o600))
		if out, err := g.openssh(users[i%2], fmt.Sprintf("put %s /in/%s\n", path, name)); err != nil {
			t.Fatalf("put %s: %v\n%s", name, err, out)
		}
	}
	g.settle(settleBar)
	byID := map[string][]byte{}
	for name, content := range sent {
		rec := g.named("acme", name, 1)[0]
		if rec.State != "kept" || rec.PaymentCount != 3 {
			t.Fatalf("not kept and indexed: %+v", rec)
		}
		byID[rec.ID] = content
	}

	stolen := map[string]string{"running": steal(t, g.dir, "running"), "backup": filepath.Join(t.TempDir(), "backup")}
	g.must("backup", stolen["backup"])
	g.stop()
	stolen["stopped"] = steal(t, g.dir, "stopped")
	payments := canaries(byID)
	for when, dir := range stolen {
		t.Run(when, func(t *testing.T) {
			for _, hit := range find(dir, filepath.Join(dir, "accounts"), payments) {
				t.Errorf("in clear: %s", hit)
			}
			theft{t, c, lootOf(t, dir), byID}.try(users, sorted(sent))
		})
	}
	if len(find(filepath.Join(g.dir, "accounts"), "", payments)) == 0 {
		t.Error("the search finds nothing where payments lie in clear")
	}
}

// theft is a stolen disk and what its thief may have besides.
type theft struct {
	t    *testing.T
	c    *customer // has both keys
	loot *loot
	byID map[string][]byte // what the files hold
}

func (th theft) try(users, names []string) {
	t, l := th.t, th.loot
	t.Helper()
	certificate, access := th.keys()
	bodies := l.bodies()
	stranger := newCustomer(t) // keys of somebody else, to try in the place of the other half
	stranger.must("access-key", "new", "-o", "other.key")
	if n := l.grants("acme"); n != 0 {
		t.Errorf("%d grants are left of files at rest", n)
	}

	// With the certificate's key: names, and no content.
	records := l.records("acme", certificate)
	if records == nil {
		t.Fatal("the certificate's key does not open the record key")
	}
	if got := l.names(records, "acme", "login", "name"); !same(got, users) {
		t.Errorf("with the certificate's key the usernames are %q, want %q", got, users)
	}
	if got := l.names(records, "acme", "file", "name"); !same(got, names) {
		t.Errorf("with the certificate's key the file names are %q, want %q", got, names)
	}
	for id := range th.byID {
		if bodies[id] == "" {
			t.Fatalf("%s has no body in the loot", id)
		}
		if opens(t, bodies[id], certificate, nil) {
			t.Errorf("%s opens with the certificate's key", id)
		}
		if _, errs, code := th.c.run("open", bodies[id], "--certificate-key", "certificate.key.pem", "--access-key", stranger.path("other.key"), "-o", "never"); code != 4 {
			t.Errorf("open with another access key: exit code %d\n%s", code, errs)
		}
		if _, errs, code := th.c.run("open", bodies[id], "--certificate-key", "certificate.key.pem", "-o", "never"); code != 4 {
			t.Errorf("open without an access key: exit code %d\n%s", code, errs)
		}
	}

	// With the access key: nothing.
	other := newHolderKey(t)
	if l.records("acme", other) != nil {
		t.Error("a stranger's certificate opens the record key")
	}
	for id := range th.byID {
		if opens(t, bodies[id], nil, access) || opens(t, bodies[id], other, access) {
			t.Errorf("%s opens with the access key", id)
		}
		if _, errs, code := th.c.run("open", bodies[id], "--access-key", "access.key", "-o", "never"); code != 4 {
			t.Errorf("open without a certificate's key: exit code %d\n%s", code, errs)
		}
	}
	if _, err := os.Stat(th.c.path("never")); err == nil {
		t.Error("a failed open left a file")
	}

	// With both: everything, bit-exact.
	for id, content := range th.byID {
		if !opens(t, bodies[id], certificate, access) {
			t.Errorf("%s does not open with both keys", id)
		}
		if got := th.c.open(bodies[id], "certificate.key.pem", "access.key"); !bytes.Equal(got, content) {
			t.Errorf("%s opened to other bytes", id)
		}
	}
}

// keys reads the customer's two keys.
func (th theft) keys() (crypto.PrivateKey, hpke.PrivateKey) {
	th.t.Helper()
	return readKey(th.t, th.c.path("certificate.key.pem"), keyfile.ParseCertificateKey), readKey(th.t, th.c.path("access.key"), keyfile.ParseAccessKey)
}

func readKey[K any](t testing.TB, file string, parse func([]byte) (K, error)) K {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newHolderKey is the key of a certificate that nothing here is sealed for.
func newHolderKey(t testing.TB) crypto.PrivateKey {
	t.Helper()
	c := newCustomer(t)
	c.ownCertificate(&gateway{t: t})
	return readKey(t, c.path("certificate.key.pem"), keyfile.ParseCertificateKey)
}

var payed = regexp.MustCompile(`<(?:Nm|IBAN|MsgId|EndToEndId|InstdAmt Ccy="SEK")>([^<]{6,})<`)

// canaries are the marks, and what the payments in these files are about: parties,
// account numbers, references and amounts.
func canaries(files map[string][]byte) []string {
	seen := map[string]bool{}
	for _, content := range files {
		for _, m := range payed.FindAllSubmatch(content, -1) {
			seen[string(m[1])] = true
		}
	}
	return append(sorted(seen), marks...)
}

func sorted[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func same(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// TestCampaignNothingBeforeProof sends files to a customer-held account before its
// key was proved: nothing is taken, and the sender is told why. Answers that prove
// nothing are refused.
func TestCampaignNothingBeforeProof(t *testing.T) {
	g := newGateway(t, "")
	c, other := newCustomer(t), newCustomer(t)
	for _, who := range []*customer{c, other} {
		who.must("access-key", "new", "-o", "access.key")
	}
	g.must("account", "add", "acme", "--keys", "customer", "--access-key", c.path("access.key.pub"))
	g.must("account", "add", "later", "--keys", "customer")
	g.must("account", "add", "other", "--keys", "customer", "--access-key", other.path("access.key.pub"))
	for _, account := range []string{"acme", "later", "other"} {
		g.login(account, "robot-"+account)
	}
	content := payfile(1, 2, 0)
	for _, account := range []string{"acme", "later"} {
		err := put(g.client("robot-"+account), "/in/a.xml", content)
		if err == nil {
			t.Errorf("%s took a file although no key is confirmed", account)
		} else if !strings.Contains(err.Error(), "confirm") && !strings.Contains(err.Error(), "access key") {
			t.Errorf("%s: the sender is told: %v", account, err)
		}
	}
	local := filepath.Join(t.TempDir(), "a.xml")
	g.check(os.WriteFile(local, content, 0o600))
	if out, err := g.openssh("robot-acme", "put "+local+" /in/a.xml\n"); err == nil {
		t.Errorf("OpenSSH's file was taken:\n%s", out)
	}
	g.exits(4, "file", "send", "acme", local)
	if list := g.files(); len(list) != 0 {
		t.Errorf("on record: %+v", list)
	}

	id, otherID := g.accessKeys("acme")[0].ID, g.accessKeys("other")[0].ID
	g.must("access-key", "challenge", "acme", id, "-o", c.path("old"))
	g.must("access-key", "challenge", "acme", id, "-o", c.path("challenge"))
	g.must("access-key", "challenge", "other", otherID, "-o", other.path("challenge"))
	c.must("access-key", "answer", "old", "--access-key", "access.key", "-o", "old-answer")
	c.must("access-key", "answer", "challenge", "--access-key", "access.key", "-o", "answer")
	other.must("access-key", "answer", "challenge", "--access-key", "access.key", "-o", "answer")

	// Nobody answers for somebody else.
	other.exits(4, "access-key", "answer", c.path("challenge"), "--access-key", "access.key", "-o", "stolen")
	for what, file := range map[string]string{
		"the answer to an earlier challenge": c.path("old-answer"), "another account's answer": other.path("answer"),
		"the challenge itself": c.path("challenge"), "no answer": c.path("access.key.pub"), "the private key": c.path("access.key"),
	} {
		if out, errs, code := g.run("access-key", "confirm", "acme", id, file); code != 2 {
			t.Errorf("%s confirms: exit code %d\n%s%s", what, code, out, errs)
		}
	}
	g.exits(3, "access-key", "confirm", "acme", otherID, c.path("answer"))
	if err := put(g.client("robot-acme"), "/in/a.xml", content); err == nil {
		t.Error("taken although nothing was proved")
	}

	g.must("access-key", "confirm", "acme", id, c.path("answer"))
	g.check(put(g.client("robot-acme"), "/in/a.xml", content))
	// It confirms no other key, and itself as often as the command is repeated.
	g.exits(2, "access-key", "confirm", "other", otherID, c.path("answer"))
	g.must("access-key", "confirm", "acme", id, c.path("answer"))
	g.settle(settleBar)
	if rec := g.named("acme", "a.xml", 1)[0]; rec.State != "kept" {
		t.Errorf("%+v", rec)
	}
}

// TestCampaignWithheldKey lets an operator try everything on a file whose access
// key the customer has: it opens by nothing, until the customer lends his key.
func TestCampaignWithheldKey(t *testing.T) {
	g := newGateway(t, "")
	c := newHolder(g, "acme")
	g.login("acme", "robot")
	content := payfile(7, 2, 100<<10)
	g.check(put(g.client("robot"), "/in/a.xml", content))
	g.settle(settleBar)
	rec := g.named("acme", "a.xml", 1)[0]
	key := g.accessKeys("acme")[0].ID

	refused := func() {
		t.Helper()
		out := filepath.Join(t.TempDir(), "out")
		g.exits(4, "file", "get", rec.ID, "-o", out)
		g.exits(4, "access-key", "export", "acme", "-o", out)
		g.exits(4, "access-key", "export", "acme", key, "-o", out)
		if _, err := os.Stat(out); err == nil {
			t.Error("something was written")
		}
		robot := g.client("robot")
		if got, err := fetch(robot, "/kept/a.xml"); err == nil {
			t.Errorf("/kept gave %d bytes", len(got))
		}
		if list, err := robot.ReadDir("/kept"); err == nil {
			for _, info := range list {
				if got, err := fetch(robot, "/kept/"+info.Name()); err == nil {
					t.Errorf("/kept/%s gave %d bytes", info.Name(), len(got))
				}
			}
		}
		if got := g.named("acme", "a.xml", 1)[0]; got.State != "kept" {
			t.Errorf("it is %+v", got)
		}
	}
	refused()
	// A new certificate: the files under the old one cannot be sealed for it.
	g.must("certificate", "renew", "acme")
	g.exits(4, "account", "reseal", "acme")
	g.kill()
	g.start()
	refused()

	// What lies here is given out sealed, and the customer opens it.
	sealed := filepath.Join(t.TempDir(), "sealed")
	g.must("file", "get", rec.ID, "--sealed", "-o", sealed)
	if got := c.open(sealed, "certificate.key.pem", "access.key"); !bytes.Equal(got, content) {
		t.Error("the customer opened other bytes")
	}
	// He lends his key; a wrong one is none.
	other := newCustomer(t)
	other.must("access-key", "new", "-o", "access.key")
	g.exits(3, "account", "unlock", "acme", "--access-key", other.path("access.key"))
	refused()
	g.must("account", "unlock", "acme", "--access-key", c.path("access.key"), "--for", "1h")
	out := filepath.Join(t.TempDir(), "out")
	g.must("file", "get", rec.ID, "-o", out)
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, content) {
		t.Errorf("unlocked it gave other bytes: %v", err)
	}
	g.must("account", "reseal", "acme")
	g.must("account", "lock", "acme")
	refused()
	// A key that was lent is in memory only.
	g.must("account", "unlock", "acme", "--access-key", c.path("access.key"))
	g.kill()
	private, err := os.ReadFile(c.path("access.key"))
	g.check(err)
	if hits := find(g.dir, "", []string{strings.Split(string(private), "\n")[1][:40]}); len(hits) > 0 {
		t.Errorf("the lent key lies on the disk: %q", hits)
	}
	g.start()
	refused()
}
