package catalogtest

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// Run is the contract of a catalog. open returns a new, empty one.
func Run(t *testing.T, open func(t testing.TB) *catalog.Catalog) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *catalog.Catalog)
	}{
		{"UpdateUndoesOnlyWhatFailed", testUndo},
		{"UpdateRaisesPanicsInItsCaller", testPanic},
		{"UpdateOfAnEndedContextDoesNotRun", testEnded},
		{"ViewIsASnapshotAndReadOnly", testView},
		{"Accounts", testAccounts},
		{"Keys", testKeys},
		{"KeysDue", testKeysDue},
		{"Statements", testStatements},
		{"AccountOwner", testOwner},
		{"Logins", testLogins},
		{"Links", testLinks},
		{"Tokens", testTokens},
		{"Sessions", testSessions},
		{"Single sign-on", testSingleSignOn},
		{"Ceremonies", testCeremonies},
		{"Factors", testFactors},
		{"Throttles", testThrottles},
		{"FileRoundTrip", testFileRoundTrip},
		{"FileGetsANewNumber", testNewNumber},
		{"FileFilters", testFileFilters},
		{"Deliveries", testDeliveries},
		{"Grants", testGrants},
		{"InlineBodies", testInline},
		{"DeleteFile", testDeleteFile},
		{"Locks", testLocks},
		{"SealedUnder", testSealedUnder},
		{"FilesToErase", testFilesToErase},
		{"Entries", testEntries},
		{"JobsAreFenced", testJobFence},
		{"JobsAreFair", testJobFairness},
		{"JobsComeBack", testJobsComeBack},
		{"Settings", testSettings},
		{"Audit", testAudit},
		{"Webhooks", testWebhooks},
		{"WebhookDeliveries", testWebhookDeliveries},
		{"Alarms", testAlarms},
		{"FilesThatWait", testFilesThatWait},
		{"Mail", testMail},
		{"Remotes", testRemotes},
		{"RemotesAreLeased", testRemoteLeases},
		{"RemoteLooks", testRemoteLooks},
		{"RemoteLedger", testRemoteLedger},
		{"RemotePushes", testRemotePushes},
		{"RemoteRuns", testRemoteRuns},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// noon is some moment with microseconds.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Fatalf("error %v, want one of kind %v", err, kind)
	}
}

func wantSame(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// get reads one thing in a View.
func get[T any](t *testing.T, c *catalog.Catalog, read func(*catalog.Tx) (T, error)) T {
	t.Helper()
	var v T
	View(t, c, func(tx *catalog.Tx) (err error) {
		v, err = read(tx)
		return err
	})
	return v
}

// fails returns the error of an Update that has to fail.
func fails(t *testing.T, c *catalog.Catalog, fn func(*catalog.Tx) error) error {
	t.Helper()
	err := c.Update(context.Background(), fn)
	if err == nil {
		t.Fatal("the update succeeded")
	}
	return err
}

func setting(t *testing.T, c *catalog.Catalog, key string) string {
	t.Helper()
	return get(t, c, func(tx *catalog.Tx) (string, error) { return tx.Setting(key) })
}

func testUndo(t *testing.T, c *catalog.Catalog) {
	no := errors.New("no")
	err := fails(t, c, func(tx *catalog.Tx) error {
		if err := tx.SetSetting("a", "1"); err != nil {
			return err
		}
		return no
	})
	if !errors.Is(err, no) {
		t.Fatalf("error %v, want the function's own", err)
	}
	if got := setting(t, c, "a"); got != "" {
		t.Fatalf("what a failed update wrote is there: %q", got)
	}
	// An error that the function handles undoes nothing.
	a := Account(t, c, "acme")
	Update(t, c, func(tx *catalog.Tx) error {
		if err := tx.SetSetting("b", "2"); err != nil {
			return err
		}
		wantKind(t, tx.InsertAccount(a), fault.Exists)
		return nil
	})
	if got := setting(t, c, "b"); got != "2" {
		t.Fatalf("setting b is %q", got)
	}
}

func testPanic(t *testing.T, c *catalog.Catalog) {
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		_ = c.Update(context.Background(), func(tx *catalog.Tx) error {
			if err := tx.SetSetting("a", "1"); err != nil {
				return err
			}
			panic("boom")
		})
	}()
	if got := setting(t, c, "a"); got != "" {
		t.Fatalf("what a panicking update wrote is there: %q", got)
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.SetSetting("a", "2") })
}

func testEnded(t *testing.T, c *catalog.Catalog) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := c.Update(ctx, func(*catalog.Tx) error {
		t.Error("the function ran")
		return nil
	})
	wantKind(t, err, fault.TryLater)
}

func testView(t *testing.T, c *catalog.Catalog) {
	View(t, c, func(tx *catalog.Tx) error {
		before, err := tx.Setting("a")
		if err != nil {
			return err
		}
		Update(t, c, func(tx *catalog.Tx) error { return tx.SetSetting("a", "1") })
		after, err := tx.Setting("a")
		if before != "" || after != "" {
			t.Errorf("a view saw %q, then %q", before, after)
		}
		return err
	})
	if got := setting(t, c, "a"); got != "1" {
		t.Fatalf("a new view sees %q", got)
	}
	err := c.View(context.Background(), func(tx *catalog.Tx) error { return tx.SetSetting("a", "2") })
	wantKind(t, err, fault.Internal)
}

func testSettings(t *testing.T, c *catalog.Catalog) {
	for _, v := range []string{"1", "2", ""} {
		Update(t, c, func(tx *catalog.Tx) error { return tx.SetSetting("a", v) })
		if got := setting(t, c, "a"); got != v {
			t.Fatalf("got %q, want %q", got, v)
		}
	}
}

func testAccounts(t *testing.T, c *catalog.Catalog) {
	a := Account(t, c, "acme")
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*catalog.Account, error) { return tx.Account(a.ID) }), a)
	*a = catalog.Account{
		ID: a.ID, Name: "acme-ab", Content: catalog.ContentDelete, KeepFor: time.Hour, Keys: catalog.KeysCustomer,
		ProtectDatabase: true, OperatorAccess: catalog.OperatorAsked, InShowFor: time.Minute, OutboxKeepFor: time.Second,
		TempNames: []string{"*.tmp", `"x"`}, RequireBoth: true, RequireFactor: true, AllowFrom: []byte{1, 0, 2},
		KeyPeriod: catalog.PeriodYear, Receipts: true, State: catalog.AccountClosed, CreatedAt: a.CreatedAt,
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveAccount(a) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*catalog.Account, error) { return tx.AccountByName("acme-ab") }), a)
	b := Account(t, c, "beta")
	wantSame(t, get(t, c, (*catalog.Tx).Accounts), []*catalog.Account{a, b})

	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertAccount(&catalog.Account{ID: ID(), Name: "beta"})
	}), fault.Exists)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		_, err := tx.Account(ID())
		return err
	}), fault.NotFound)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.SaveAccount(&catalog.Account{ID: ID()}) }), fault.NotFound)
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteAccount(b.ID) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.DeleteAccount(b.ID) }), fault.NotFound)
}

func testKeys(t *testing.T, c *catalog.Catalog) {
	a := Account(t, c, "acme")
	old := &catalog.Certificate{Fingerprint: "01", Account: a.ID, DER: []byte{1}, CreatedAt: noon}
	now := &catalog.Certificate{Fingerprint: "02", Account: a.ID, DER: []byte{2}, Current: true, CreatedAt: noon.Add(time.Hour)}
	key := &catalog.AccessKey{
		ID: ID(), Account: a.ID, Fingerprint: "03", Public: []byte{3}, Held: catalog.KeysCustomer,
		Challenge: MAC(), ChallengeUntil: noon.Add(time.Hour), CreatedAt: noon,
	}
	Update(t, c, func(tx *catalog.Tx) error {
		return errors.Join(tx.InsertCertificate(old), tx.InsertCertificate(now), tx.InsertAccessKey(key),
			tx.PutRecordKey(&catalog.RecordKey{Account: a.ID, Fingerprint: "01", Wrapped: []byte{9}}),
			tx.PutRecordKey(&catalog.RecordKey{Account: a.ID, Fingerprint: "01", Wrapped: []byte{8}}))
	})
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*catalog.Certificate, error) { return tx.Certificates(a.ID) }),
		[]*catalog.Certificate{now, old})
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*catalog.RecordKey, error) { return tx.RecordKeys(a.ID) }),
		[]*catalog.RecordKey{{Account: a.ID, Fingerprint: "01", Wrapped: []byte{8}}})
	old.RemoveAt, old.RemovedAt = noon.Add(-time.Hour), noon
	key.Held, key.Period, key.Confirmed, key.Challenge, key.ChallengeUntil = catalog.HeldPassphrase, "2026", true, nil, time.Time{}
	key.RemoveAt, key.RemovedAt = noon.Add(-time.Hour), noon
	Update(t, c, func(tx *catalog.Tx) error {
		return errors.Join(tx.SaveCertificate(old), tx.SaveAccessKey(key), tx.DeleteRecordKey(a.ID, "01"))
	})
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*catalog.Certificate, error) { return tx.Certificate("01") }), old)
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*catalog.AccessKey, error) { return tx.AccessKey(key.ID) }), key)
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*catalog.AccessKey, error) { return tx.AccessKeys(a.ID) }), []*catalog.AccessKey{key})
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.InsertCertificate(now) }), fault.Exists)
}

func testOwner(t *testing.T, c *catalog.Catalog) {
	a := Account(t, c, "acme")
	own := func(node string, now time.Time) (fence int64, err error) {
		err = c.Update(context.Background(), func(tx *catalog.Tx) (err error) {
			fence, err = tx.OwnAccount(a.ID, node, now, time.Minute)
			return err
		})
		return fence, err
	}
	for _, step := range []struct {
		node  string
		after time.Duration
		fence int64 // 0 = refused
	}{
		{"one", 0, 1},
		{"two", time.Second, 0},
		{"one", 30 * time.Second, 1},
		{"two", 80 * time.Second, 0},
		{"two", 90 * time.Second, 2},
		{"one", 100 * time.Second, 0},
	} {
		fence, err := own(step.node, noon.Add(step.after))
		if step.fence == 0 {
			wantKind(t, err, fault.TryLater)
			continue
		}
		if err != nil || fence != step.fence {
			t.Fatalf("%s after %v: fence %d, %v; want %d", step.node, step.after, fence, err, step.fence)
		}
	}
}

func addLogin(t *testing.T, c *catalog.Catalog, account uuid.UUID) *logins.Login {
	t.Helper()
	l := &logins.Login{
		ID: ID(), Account: account, Name: []byte("sealed"), NameMAC: MAC(), Hash: "$argon2id$", Generated: true, Short: true,
		AllowFrom: []byte("sealed too"), SFTP: true, Role: "uploader", Language: "sv", CreatedAt: noon, LastSeen: noon,
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.InsertLogin(l) })
	return l
}

func testLogins(t *testing.T, c *catalog.Catalog) {
	a, b := Account(t, c, "acme"), Account(t, c, "beta")
	l := addLogin(t, c, a.ID)
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.Login, error) { return tx.LoginByName(l.NameMAC) }), l)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertLogin(&logins.Login{ID: ID(), Account: b.ID, Name: []byte{1}, NameMAC: l.NameMAC})
	}), fault.Exists)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertLogin(&logins.Login{ID: ID(), Account: ID(), Name: []byte{1}, NameMAC: MAC()})
	}), fault.NotFound) // no such account

	key := &logins.Key{Login: l.ID, Fingerprint: "SHA256:x", Blob: []byte{1, 2}}
	src := &logins.Source{Login: l.ID, PrefixMAC: MAC(), LastSuccess: noon}
	Update(t, c, func(tx *catalog.Tx) error {
		return errors.Join(tx.AddLoginKey(key), tx.PutSource(src), tx.TouchLogin(l.ID, noon.Add(time.Hour)),
			tx.InsertEntry(&catalog.Entry{ID: ID(), Login: l.ID, NameMAC: MAC(), Name: []byte{1}}))
	})
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*logins.Key, error) { return tx.LoginKeys(l.ID) }), []*logins.Key{key})
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.Source, error) { return tx.Source(l.ID, src.PrefixMAC) }), src)

	// A shredded login has no name to be found by; many of them may be there.
	*l = logins.Login{ID: l.ID, Account: a.ID, Name: []byte{0}, Portal: true, Role: "reader", CreatedAt: noon}
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveLogin(l) })
	m := addLogin(t, c, a.ID)
	m.NameMAC = nil
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveLogin(m) })
	if got := get(t, c, func(tx *catalog.Tx) ([]*logins.Login, error) { return tx.Logins(a.ID) }); len(got) != 2 {
		t.Fatalf("%d logins", len(got))
	}
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.Login, error) { return tx.Login(l.ID) }), l)

	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteLogin(l.ID) })
	View(t, c, func(tx *catalog.Tx) error {
		if keys, err := tx.LoginKeys(l.ID); err != nil || len(keys) > 0 {
			t.Errorf("keys of a deleted login: %d, %v", len(keys), err)
		}
		if names, err := tx.Entries(l.ID, uuid.Nil); err != nil || len(names) > 0 {
			t.Errorf("names of a deleted login: %d, %v", len(names), err)
		}
		_, err := tx.Source(l.ID, src.PrefixMAC)
		wantKind(t, err, fault.NotFound)
		return nil
	})
}

func testLinks(t *testing.T, c *catalog.Catalog) {
	l := addLogin(t, c, Account(t, c, "acme").ID)
	take := func(hash []byte, now time.Time) error {
		return c.Update(context.Background(), func(tx *catalog.Tx) error {
			_, err := tx.TakeLink(hash, now)
			return err
		})
	}
	first, second, third := MAC(), MAC(), MAC()
	Update(t, c, func(tx *catalog.Tx) error {
		for _, hash := range [][]byte{first, second, third} {
			if err := tx.InsertLink(&logins.Link{Hash: hash, Login: l.ID, Kind: "welcome", Until: noon}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := take(first, noon.Add(-time.Second)); err != nil {
		t.Fatal(err)
	}
	wantKind(t, take(first, noon.Add(-time.Second)), fault.NotFound)
	wantKind(t, take(second, noon), fault.NotFound)
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteLinks(l.ID) })
	wantKind(t, take(third, noon.Add(-time.Second)), fault.NotFound)
}

func testThrottles(t *testing.T, c *catalog.Catalog) {
	b := &logins.Throttle{Key: MAC(), Tokens: 2.5, At: noon, Failures: 3}
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutThrottle(b) })
	b.Tokens, b.Failures = 0, 4
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutThrottle(b) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.Throttle, error) { return tx.Throttle(b.Key) }), b)
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteThrottles(noon.Add(time.Second)) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		_, err := tx.Throttle(b.Key)
		return err
	}), fault.NotFound)
}
