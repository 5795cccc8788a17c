package remotes_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/notify/notifytest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/store/catalog/trail"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remotes"
	"sealgate/internal/transfer/remotes/visits"
)

const fingerprint = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"

// desk is a service in an office; what its visits do is the test's.
type desk struct {
	*remotes.Service
	*notifytest.Office
	t    *testing.T
	logs bytes.Buffer

	mu     sync.Mutex
	visits []string // names, in the order in which they began
	work   remotes.Work
}

func open(t *testing.T, change ...func(*remotes.Options)) *desk {
	t.Helper()
	d := &desk{Office: notifytest.Open(t), t: t}
	d.Service = d.service("node-1", change...)
	return d
}

func (d *desk) service(node string, change ...func(*remotes.Options)) *remotes.Service {
	work := func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
		d.mu.Lock()
		d.visits = append(d.visits, v.Name)
		work := d.work
		d.mu.Unlock()
		if work == nil {
			return remotes.Result{}, nil
		}
		return work(ctx, v)
	}
	opt := remotes.Options{
		Catalog: d.Catalog, Custody: d.Custody, Keys: d.Keys, Guard: remotetest.Loopback(), Node: node, Connect: visits.Dial,
		Pull: work, Push: work, Now: d.Clock.Now, Log: slog.New(slog.NewTextHandler(&d.logs, nil)),
	}
	for _, c := range change {
		c(&opt)
	}
	return remotes.New(opt)
}

func text(s string) *string { return &s }

// pull is a remote that can be visited.
func pull(name, host string) remotes.NewRemote {
	n := remotes.NewRemote{Name: name, Direction: table.Pull, Settings: remotes.Defaults(table.Pull), Secret: remotes.SecretChange{Password: text("hunter2")}}
	n.Settings.URL, n.Settings.HostKeys = "sftp://payments@"+host+"/utbetalningar", []string{fingerprint}
	return n
}

func (d *desk) add(n remotes.NewRemote) *remotes.Remote {
	d.t.Helper()
	r, err := d.Add(d.t.Context(), "test", "acme", n)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

func (d *desk) find(name string) *remotes.Remote {
	d.t.Helper()
	r, err := d.Find(d.t.Context(), "acme", name)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// round does a round, waits for its visits, and returns whom they were paid to.
func (d *desk) round() []string {
	d.t.Helper()
	if err := d.Round(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.Service.Wait()
	return d.visited()
}

// visited returns, once, whom visits were paid to.
func (d *desk) visited() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := d.visits
	d.visits = nil
	return names
}

func (d *desk) does(work remotes.Work) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.work = work
}

// actions are those of the audit log about remotes.
func (d *desk) actions() (list []string) {
	d.t.Helper()
	d.Number()
	catalogtest.View(d.t, d.Catalog, func(tx *catalog.Tx) error {
		entries, err := tx.AuditEntries(trail.Filter{Account: d.Acme.ID})
		for _, e := range entries {
			if strings.HasPrefix(e.Action, "remote.") {
				list = append(list, e.Action)
			}
		}
		return err
	})
	return list
}

func same[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func wantKind(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) || fault.Message(err) == "" {
		t.Errorf("%s: %v, want %s", what, err, kind)
	}
}

func TestNothingOfARemoteIsReadable(t *testing.T) {
	d := open(t)
	r := d.add(pull("bank", "bank.example.com"))
	if r.Settings.URL != "sftp://payments@bank.example.com/utbetalningar" || !r.Password || r.Key || r.NextRun.IsZero() {
		t.Errorf("%+v %+v", r.Remote, r.Settings)
	}
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		return remotes.Result{}, fault.New(fault.Denied, "test", "the folder utbetalningar at bank.example.com is closed")
	})
	d.round()
	if run, err := d.Runs(t.Context(), "acme", "bank", 1); err != nil || len(run) != 1 || !strings.Contains(run[0].Message, "utbetalningar") {
		t.Errorf("run %+v %v", run, err)
	}
	if err := d.Catalog.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{d.Dir, d.Keys.Dir()} {
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			for _, word := range []string{"hunter2", "bank.example.com", "utbetalningar", "payments@"} {
				if bytes.Contains(content, []byte(word)) {
					t.Errorf("%s holds %q", path, word)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if log := d.logs.String(); strings.Contains(log, "example") || strings.Contains(log, "utbet") || !strings.Contains(log, "remote=bank") {
		t.Errorf("log %s", log)
	}
	if s := fmt.Sprintf("%v %+v %#v %s", remotes.Secret{Password: "hunter2"}, remotes.Secret{Password: "hunter2"}, remotes.Secret{Password: "hunter2"}, remotes.Secret{Password: "hunter2"}); strings.Contains(s, "hunter2") {
		t.Errorf("a secret prints as %s", s)
	}
}

func TestWhatIsNoRemote(t *testing.T) {
	d := open(t)
	d.add(pull("bank", "bank.example.com"))
	add := func(account string, change func(*remotes.NewRemote)) error {
		n := pull("other", "bank.example.com")
		change(&n)
		_, err := d.Add(t.Context(), "test", account, n)
		return err
	}
	for _, name := range []string{"", "Bank", "b_nk", "-bank", "bank-", "å", strings.Repeat("a", 41), "a/b"} {
		wantKind(t, "name "+name, add("acme", func(n *remotes.NewRemote) { n.Name = name }), fault.Invalid)
	}
	wantKind(t, "a name twice", add("acme", func(n *remotes.NewRemote) { n.Name = "bank" }), fault.Exists)
	wantKind(t, "no direction", add("acme", func(n *remotes.NewRemote) { n.Direction = "sideways" }), fault.Invalid)
	wantKind(t, "no account", add("nobody", func(*remotes.NewRemote) {}), fault.NotFound)
	wantKind(t, "the built-in account", add(catalog.SystemAccount, func(*remotes.NewRemote) {}), fault.NotFound)
	wantKind(t, "a password in the address", add("acme", func(n *remotes.NewRemote) { n.Settings.URL = "sftp://u:p@h/" }), fault.Invalid)
	wantKind(t, "no key", add("acme", func(n *remotes.NewRemote) { n.Secret.Key = text("secret") }), fault.Invalid)
	private, _ := remotetest.NewKey(t, "open sesame")
	wantKind(t, "a key without its passphrase", add("acme", func(n *remotes.NewRemote) { n.Secret.Key = text(string(private)) }), fault.Invalid)
	wantKind(t, "another passphrase", add("acme", func(n *remotes.NewRemote) {
		n.Secret.Key, n.Secret.Passphrase = text(string(private)), text("open barley")
	}), fault.Invalid)
	if err := add("acme", func(n *remotes.NewRemote) {
		n.Secret.Key, n.Secret.Passphrase = text(string(private)), text("open sesame")
	}); err != nil {
		t.Error(err)
	}
	_, err := d.Find(t.Context(), "acme", "nothing")
	wantKind(t, "none", err, fault.NotFound)
	if all, err := d.List(t.Context(), "acme"); err != nil || len(all) != 2 || all[0].Name != "bank" || !all[1].Key {
		t.Errorf("%v %v", all, err)
	}
	if err := d.Remove(t.Context(), "test", "acme", "bank"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, "twice", d.Remove(t.Context(), "test", "acme", "bank"), fault.NotFound)
	same(t, "audit", d.actions(), []string{"remote.removed", "remote.added", "remote.added"})
}

// Who may change the address is not told the password by a server of his own.
func TestSecretsStayAtTheirAddress(t *testing.T) {
	d := open(t)
	d.add(pull("bank", "bank.example.com"))
	set := func(c remotes.Change) *remotes.Remote {
		t.Helper()
		r, err := d.Set(t.Context(), "test", "acme", "bank", c)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	to := func(url string) remotes.Change {
		return remotes.Change{Settings: func(s *remotes.Settings) error { s.URL = url; return nil }}
	}
	if r := set(to("sftp://payments@BANK.example.com:22/elsewhere")); !r.Password || len(r.Settings.HostKeys) != 1 {
		t.Errorf("another folder of the same server: %+v", r)
	}
	for _, url := range []string{
		"sftp://payments@evil.example.com/", "sftp://payments@bank.example.com:23/", "sftp://root@bank.example.com/", "ftps://payments@bank.example.com:22/",
	} {
		r := set(to(url))
		if r.Password || len(r.Settings.HostKeys) != 0 || !r.NextRun.IsZero() {
			t.Errorf("%s: %+v %+v", url, r.Remote, r.Settings)
		}
		r = set(to("sftp://payments@bank.example.com/"))
		if r.Password {
			t.Errorf("%s: the password came back", url)
		}
		c := remotes.Change{Secret: remotes.SecretChange{Password: text("hunter2")}, Settings: func(s *remotes.Settings) error {
			s.HostKeys = []string{fingerprint}
			return nil
		}}
		if r = set(c); !r.Password || r.NextRun.IsZero() {
			t.Errorf("given anew: %+v", r)
		}
	}
	// Both at once is what moving to another server takes.
	c := to("sftp://payments@new.example.com/")
	c.Secret.Password = text("hunter3")
	if r := set(c); !r.Password || len(r.Settings.HostKeys) != 0 {
		t.Errorf("%+v %+v", r.Remote, r.Settings)
	}
	if r := set(remotes.Change{Secret: remotes.SecretChange{Password: text("")}}); r.Password {
		t.Error("a password that was taken away is there")
	}
}

func TestOnlyWhatIsDueIsVisited(t *testing.T) {
	d := open(t)
	off, unknown, poor := pull("off", "h1"), pull("unconfirmed", "h1"), pull("poor", "h1")
	off.Off, unknown.Settings.HostKeys, poor.Secret.Password = true, nil, nil
	cron := pull("nightly", "h1")
	cron.Settings.Cron = "30 2 * * *"
	for _, n := range []remotes.NewRemote{pull("bank", "h1"), off, unknown, poor, cron} {
		d.add(n)
	}
	same(t, "after they were added", d.round(), []string{"bank", "nightly"})
	same(t, "at once again", d.round(), nil)
	d.Clock.Add(5 * time.Minute)
	same(t, "5 minutes later", d.round(), []string{"bank"})
	// What was missed is made up once.
	d.Clock.Add(20 * 24 * time.Hour)
	got := d.round()
	slices.Sort(got)
	same(t, "20 days later", got, []string{"bank", "nightly"})
	if next := d.find("nightly").NextRun; next.Format(time.RFC3339) != "2026-12-13T01:30:00Z" {
		t.Errorf("the night after: %s", next)
	}
	// A clock that had been years ahead.
	d.Clock.Add(9 * 365 * 24 * time.Hour)
	d.round()
	d.Clock.Add(-9 * 365 * 24 * time.Hour)
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Clock.Add(24 * time.Hour)
	if got := d.round(); len(got) != 2 {
		t.Errorf("after the clock was put right: %v", got)
	}
	if runs, err := d.Runs(t.Context(), "acme", "bank", 9); err != nil || len(runs) != 0 {
		t.Errorf("looks that found nothing are remembered: %v %v", runs, err)
	}
}

func TestFilesThatAreNotStillAreComeBackFor(t *testing.T) {
	d := open(t)
	d.add(pull("bank", "h1"))
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		return remotes.Result{Seen: 1, Again: d.Clock.Now().Add(30 * time.Second)}, nil
	})
	d.round()
	if next := d.find("bank").NextRun; !next.Equal(d.Clock.Now().Add(30 * time.Second)) {
		t.Errorf("next %s", next)
	}
}

func TestOneThatFailsIsLeftAloneForLongerAndLonger(t *testing.T) {
	d := open(t)
	n := pull("bank", "h1")
	n.Settings.Every = 30 * time.Second
	d.add(n)
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		return remotes.Result{Files: 1, Bytes: 7}, fault.New(fault.TryLater, "test", "nobody is at home")
	})
	for last := time.Duration(0); ; {
		same(t, "visits", d.round(), []string{"bank"})
		r := d.find("bank")
		away := r.NextRun.Sub(d.Clock.Now())
		if r.Health.Failures > 12 {
			if away < longest*8/10 {
				t.Errorf("after %d failures it is tried in %s", r.Health.Failures, away)
			}
			break
		}
		if away < last/2 || away > longest*12/10 {
			t.Errorf("after %d failures it is tried in %s, and before that in %s", r.Health.Failures, away, last)
		}
		last = away
		d.Clock.Add(away)
	}
	r := d.find("bank")
	if r.Health.Error != "try-later" || r.Health.FailingSince.IsZero() || !r.Health.LastOK.IsZero() || r.Health.LastFile.IsZero() {
		t.Errorf("health %+v", r.Health)
	}
	d.does(nil)
	d.Clock.Add(time.Hour)
	d.round()
	if h := d.find("bank").Health; h.Error != "" || !h.FailingSince.IsZero() || h.Failures != 0 || h.LastOK.IsZero() {
		t.Errorf("health %+v", h)
	}
	same(t, "audit", d.actions(), []string{"remote.run-recovered", "remote.run-failed", "remote.added"})
}

const longest = 30 * time.Minute

func TestDeadOnesDelayNobody(t *testing.T) {
	d := open(t, func(o *remotes.Options) { o.Places, o.PerAccount, o.PerHost = 8, 8, 2 })
	release := make(chan struct{})
	d.does(func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
		if strings.HasPrefix(v.Name, "dead") {
			select {
			case <-release:
			case <-ctx.Done():
			}
		}
		return remotes.Result{Files: 1}, nil
	})
	for i := range 6 {
		d.add(pull(fmt.Sprintf("dead-%d", i), "dead.example.com"))
	}
	for i := range 12 {
		d.add(pull(fmt.Sprintf("bank-%d", i), fmt.Sprintf("bank-%d.example.com", i)))
	}
	served := map[string]int{}
	for len(served) < 14 { // the twelve, and the two dead ones that have a place
		if err := d.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, name := range d.visited() {
			served[name]++
		}
	}
	for name, n := range served {
		if n != 1 {
			t.Errorf("%s was visited %d times", name, n)
		}
	}
	close(release)
	d.Service.Wait()
	for range 2 {
		d.round()
	}
	if h := d.find("dead-5").Health; h.LastOK.IsZero() {
		t.Error("the last of those at one host never had its turn")
	}
}

func TestTwoGatewaysVisitOneAtATime(t *testing.T) {
	d := open(t)
	other := d.service("node-2")
	d.add(pull("bank", "h1"))
	began, release := make(chan remotes.Visit, 2), make(chan struct{})
	d.does(func(_ context.Context, v remotes.Visit) (remotes.Result, error) {
		began <- v
		<-release
		return remotes.Result{Files: 1}, nil
	})
	if err := d.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := <-began
	if err := other.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := other.Start(t.Context(), "test", "acme", "bank")
	wantKind(t, "by hand", err, fault.TryLater)
	same(t, "visits", d.visited(), []string{"bank"})

	// One that is given up writes nothing any more.
	d.Clock.Add(time.Hour)
	if err := other.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if second := <-began; second.Fence <= first.Fence {
		t.Errorf("fence %d after %d", second.Fence, first.Fence)
	}
	close(release)
	d.Service.Wait()
	other.Wait()
	runs, err := d.Runs(t.Context(), "acme", "bank", 9)
	if err != nil || len(runs) != 2 || runs[0].Outcome != table.RunOK || runs[1].Outcome != table.RunCut {
		t.Errorf("runs %+v %v", runs, err)
	}
}

func TestAStopCutsVisitsAndAStartPaysThemAgain(t *testing.T) {
	d := open(t)
	d.add(pull("bank", "h1"))
	began := make(chan struct{}, 1)
	d.does(func(ctx context.Context, _ remotes.Visit) (remotes.Result, error) {
		began <- struct{}{}
		<-ctx.Done()
		return remotes.Result{}, ctx.Err()
	})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	<-began
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	r := d.find("bank")
	if r.Lease.Holder != "" || r.NextRun.After(d.Clock.Now()) || r.Health.Failures != 0 {
		t.Errorf("%+v", r.Remote)
	}

	// A gateway that was killed leaves its leases; the next process has them at once.
	catalogtest.Update(t, d.Catalog, func(tx *catalog.Tx) error {
		_, err := tx.LeaseRemote(r.ID, "node-1", d.Clock.Now(), d.Clock.Now().Add(time.Hour))
		return err
	})
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		began <- struct{}{}
		return remotes.Result{}, nil
	})
	ctx, stop = context.WithCancel(t.Context())
	again := d.service("node-1")
	go func() { ended <- again.Run(ctx) }()
	<-began
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

func TestRunByHand(t *testing.T) {
	d := open(t)
	n := pull("bank", "h1")
	n.Off = true
	d.add(n)
	again := true
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		if again { // there is a file that is not still: it goes on until it is
			again = false
			return remotes.Result{Seen: 1, Again: d.Clock.Now().Add(time.Millisecond)}, nil
		}
		return remotes.Result{Seen: 1, Files: 1, Bytes: 9}, nil
	})
	started, err := d.Start(t.Context(), "operator:1", "acme", "bank")
	if err != nil {
		t.Fatal(err)
	}
	run, err := d.WaitFor(t.Context(), "acme", "bank", started.ID, time.Minute)
	if err != nil || run.Outcome != table.RunOK || run.Files != 1 || run.Bytes != 9 || run.By != "operator:1" {
		t.Errorf("%+v %v", run, err)
	}
	same(t, "visits", d.visited(), []string{"bank", "bank"})
	if next := d.find("bank").NextRun; !next.IsZero() {
		t.Errorf("one that is off is due %s", next)
	}
	_, err = d.WaitFor(t.Context(), "acme", "bank", catalogtest.ID(), 0)
	wantKind(t, "another run", err, fault.NotFound)

	// One that is under way is waited for.
	began, release := make(chan struct{}, 3), make(chan struct{})
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		began <- struct{}{}
		<-release
		return remotes.Result{Files: 1}, nil
	})
	if _, err = d.Start(t.Context(), "one", "acme", "bank"); err != nil {
		t.Fatal(err)
	}
	<-began
	second := make(chan error)
	go func() { _, err := d.Start(t.Context(), "two", "acme", "bank"); second <- err }()
	close(release)
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	d.Service.Wait()
	same(t, "visits", d.visited(), []string{"bank", "bank"})
	_, err = d.Start(t.Context(), "one", "acme", "nothing")
	wantKind(t, "no remote", err, fault.NotFound)
}

func TestOneThatCannotBeReadKeepsNobodyFromTheOthers(t *testing.T) {
	d := open(t)
	bad := d.add(pull("bad", "h1")).Remote
	d.add(pull("bank", "h1"))
	bad.Settings = []byte("not what was sealed")
	catalogtest.Update(t, d.Catalog, func(tx *catalog.Tx) error { return tx.SaveRemote(&bad) })
	if list, err := d.List(t.Context(), "acme"); err != nil || len(list) != 2 || list[0].Settings != nil || list[1].Settings == nil {
		t.Errorf("%v %v", list, err)
	}
	same(t, "visits", d.round(), []string{"bank"})
	same(t, "and it is left alone for a while", d.round(), nil)
	if h := d.find("bad").Health; h.Error != "locked" || h.Failures != 1 {
		t.Errorf("%+v", h)
	}
	_, err := d.Set(t.Context(), "test", "acme", "bad", remotes.Change{})
	wantKind(t, "set", err, fault.Locked)
	_, err = d.Test(t.Context(), "test", "acme", "bad")
	wantKind(t, "test", err, fault.Locked)
	if err := d.Remove(t.Context(), "test", "acme", "bad"); err != nil {
		t.Error(err)
	}
}

func TestRemovedWhileItIsVisited(t *testing.T) {
	d := open(t)
	d.add(pull("bank", "h1"))
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		return remotes.Result{Files: 1}, d.Remove(t.Context(), "test", "acme", "bank")
	})
	d.round()
	if strings.Contains(d.logs.String(), "ERROR") {
		t.Errorf("log %s", d.logs.String())
	}
}
