package retention_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/retention"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
	"sealgate/internal/store/catalog/trail"
	"sealgate/internal/transfer/intake/intaketest"
)

var login = uuid.MustParse("01900000-0000-7000-8000-000000000001")

// world is an intake with a retention whose rounds are run by hand.
type world struct {
	*intaketest.World
	t         *testing.T
	mono      time.Duration
	clock     *retention.Clock
	retention *retention.Retention
}

func newWorld(t *testing.T, fs durable.FS) *world {
	w := &world{World: intaketest.New(t, fs), t: t}
	w.again()
	return w
}

// again is what a new process begins with.
func (w *world) again() {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	w.clock = retention.NewClock(w.Catalog, w.Clock.Now, func() time.Duration { return w.mono }, log)
	if err := w.clock.Open(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.retention = retention.New(w.Catalog, w.Bodies, w.Keys, w.clock, log)
}

func (w *world) pass(d time.Duration) {
	w.Clock.Add(d)
	w.mono += d
}

func (w *world) round() { w.retention.Round(w.t.Context()) }

func (w *world) account(name string, keepFor time.Duration) *catalog.Account {
	w.t.Helper()
	a := w.Account(name, catalog.ContentKeep)
	a.KeepFor = keepFor
	w.Update(func(tx *catalog.Tx) error {
		if _, err := tx.Login(login); fault.Is(err, fault.NotFound) {
			l := &logins.Login{ID: login, Account: a.ID, Name: []byte("x"), NameMAC: []byte("x"), Role: "uploader"}
			if err := tx.InsertLogin(l); err != nil {
				return err
			}
		}
		return tx.SaveAccount(a)
	})
	return a
}

// put takes a file in and brings it to a state.
func (w *world) put(a *catalog.Account, content []byte, state catalog.State) *catalog.File {
	w.t.Helper()
	f, err := w.Put(intaketest.Spec(a, login, "/"+uuid.NewString()), content)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.State = state
		if state == catalog.Kept || state == catalog.Delivered {
			row.Grant = catalog.Grant{}
		}
		return tx.SaveFile(row)
	})
	return w.File(f.ID)
}

// rows puts many small kept files on record in one commit.
func (w *world) rows(a *catalog.Account, n int) (files []*catalog.File) {
	w.t.Helper()
	w.Update(func(tx *catalog.Tx) error {
		for range n {
			f := &catalog.File{
				ID: uuid.Must(uuid.NewV7()), Account: a.ID, Direction: catalog.In, State: catalog.Kept, Keep: true,
				Times: catalog.Times{ReceivedAt: w.Clock.Now()}, Body: catalog.Body{Kind: catalog.InlineBody},
			}
			if err := tx.InsertFile(f); err != nil {
				return err
			}
			if err := tx.PutInline(f.ID, []byte("sealed")); err != nil {
				return err
			}
			files = append(files, f)
		}
		return nil
	})
	return files
}

func (w *world) wantKept(what string, files ...*catalog.File) {
	w.t.Helper()
	for _, f := range files {
		if now := w.File(f.ID); now.State != f.State || now.Body.Kind == catalog.NoBody {
			w.t.Errorf("%s: a file is %s, %q, body %s", what, now.State, now.Reason, now.Body.Kind)
		}
	}
}

func (w *world) wantErased(what, reason string, files ...*catalog.File) {
	w.t.Helper()
	for _, f := range files {
		now := w.File(f.ID)
		if now.State != catalog.Erased || now.Reason != reason || now.Body != (catalog.Body{Kind: catalog.NoBody}) || now.Grant.Key != "" || now.EndedAt.IsZero() {
			w.t.Errorf("%s: a file is %s, %q, body %v", what, now.State, now.Reason, now.Body)
		}
		if f.Body.Kind == catalog.VaultBody {
			if _, err := w.Vault.Open(w.t.Context(), f.Body.Ref); !fault.Is(err, fault.NotFound) {
				w.t.Errorf("%s: the body is in the vault: %v", what, err)
			}
		}
		err := w.Catalog.View(w.t.Context(), func(tx *catalog.Tx) error { _, err := tx.Inline(f.ID); return err })
		if !fault.Is(err, fault.NotFound) {
			w.t.Errorf("%s: the body is in the catalog: %v", what, err)
		}
	}
}

func (w *world) audited(action string) (n int) {
	w.t.Helper()
	err := w.Catalog.View(w.t.Context(), func(tx *catalog.Tx) error {
		all, err := tx.AuditEntries(trail.Filter{Limit: -1})
		for _, e := range all {
			if e.Action == action {
				n++
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

var large = bytes.Repeat([]byte("content "), 3*seal.SlotSize/8)

func TestKeptFilesAreErasedWhenTheirTimeIsOver(t *testing.T) {
	w := newWorld(t, nil)
	a, forever := w.account("acme", 10*day), w.account("ever", 0)
	small, big := w.put(a, []byte("small"), catalog.Kept), w.put(a, large, catalog.Kept)
	held, received := w.put(a, large, catalog.Held), w.put(a, large, catalog.Received)
	kept := w.put(forever, large, catalog.Kept)
	w.pass(5 * day)
	young := w.put(a, large, catalog.Kept)
	w.pass(5*day - time.Minute)
	w.round()
	w.wantKept("before its time", small, big, held, received, kept, young)
	w.pass(2 * time.Minute)
	w.round()
	w.wantErased("after ten days", retention.ReasonRetention, small, big)
	w.wantKept("after ten days", held, received, kept, young)
	if n := w.audited("file.erased"); n != 2 {
		t.Errorf("%d audit rows", n)
	}
	w.round()
	if n := w.audited("file.erased"); n != 2 {
		t.Errorf("%d audit rows after another round", n)
	}
	a.KeepFor = 0 // from now on for ever
	w.Update(func(tx *catalog.Tx) error { return tx.SaveAccount(a) })
	w.pass(400 * day)
	w.clock.Trusted()
	w.round()
	w.wantKept("kept for ever since", young)
}

// More files than a batch holds, of one account among others.
func TestMoreThanABatch(t *testing.T) {
	w := newWorld(t, nil)
	a, b := w.account("acme", day), w.account("other", day)
	files := append(w.rows(a, 450), w.put(b, []byte("x"), catalog.Kept))
	w.pass(2 * day)
	w.round()
	w.wantErased("all", retention.ReasonRetention, files...)
}

func TestNothingIsErasedWhileTheClockIsInDoubt(t *testing.T) {
	w := newWorld(t, nil)
	a := w.account("acme", 10*day)
	f := w.put(a, large, catalog.Kept)
	w.Clock.Add(month) // a jump
	w.round()
	w.wantKept("30 days forward", f)
	w.again() // a restart does not help
	w.round()
	w.wantKept("30 days forward, started again", f)
	w.Clock.Add(-month)
	w.round()
	w.pass(25 * time.Hour)
	w.round()
	w.wantKept("put right", f)
	w.pass(9 * day)
	w.round()
	w.wantErased("ten days of running", retention.ReasonRetention, f)

	g := w.put(a, large, catalog.Kept)
	w.again()
	w.Clock.Add(month) // while it was stopped
	w.again()
	w.round()
	w.wantKept("started a month later", g)
	w.pass(25 * time.Hour)
	w.round()
	w.wantErased("a day of running later", retention.ReasonRetention, g)
}

// The clock stood years back while a file came: its date is no reason to erase it.
func TestAMisdatedFileIsNotOlderThanTheOnesBeforeIt(t *testing.T) {
	w := newWorld(t, nil)
	a := w.account("acme", 10*day)
	before := w.put(a, large, catalog.Kept)
	w.Clock.Add(-3 * month)
	var misdated []*catalog.File
	for range 3 {
		misdated = append(misdated, w.put(a, large, catalog.Kept))
	}
	w.Clock.Add(3 * month)
	w.round()
	w.pass(2 * day)
	w.round()
	if ok, _ := w.clock.Trusted(); !ok {
		t.Fatal("the clock is still in doubt")
	}
	w.wantKept("two days later", append(misdated, before)...)
	w.pass(8 * day)
	w.round()
	w.wantErased("ten days later", retention.ReasonRetention, append(misdated, before)...)
}

// Misdated files in any number do not hide those behind them whose time is over.
func TestMisdatedFilesDoNotStandInTheWay(t *testing.T) {
	w := newWorld(t, nil)
	a := w.account("acme", 10*day)
	old := w.put(a, []byte("x"), catalog.Kept)
	w.pass(5 * day)
	young := w.put(a, []byte("x"), catalog.Kept)
	w.Clock.Add(-2 * month)
	w.rows(a, 420)
	w.Clock.Add(2 * month)
	w.round()
	w.pass(6 * day)
	w.round()
	w.wantErased("eleven days old", retention.ReasonRetention, old)
	w.wantKept("six days old", young)
	if n := w.audited("file.erased"); n != 1 {
		t.Errorf("%d files were erased", n)
	}
}

// A file that claims to be older than its account is as old as that at most.
func TestNoFileIsOlderThanItsAccount(t *testing.T) {
	w := newWorld(t, nil)
	a := w.account("acme", 10*day)
	w.Clock.Add(-3 * month)
	f := w.put(a, large, catalog.Kept)
	w.Clock.Add(3 * month)
	w.round()
	w.pass(2 * day)
	w.round()
	w.wantKept("two days later", f)
	w.pass(9 * day)
	w.round()
	w.wantErased("eleven days later", retention.ReasonRetention, f)
}

func TestScheduledRemovals(t *testing.T) {
	w := newWorld(t, nil)
	a := w.account("acme", 0)
	kept, waits := w.put(a, large, catalog.Kept), w.put(a, large, catalog.Held)
	delivered := w.put(a, large, catalog.Delivered)
	ctx := t.Context()
	keys, err := w.Keys.AccessKeys(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	target := custody.Target{Account: a.ID, AccessKey: keys[0].ID}
	if _, _, err := w.Keys.ScheduleRemoval(ctx, "operator", target, "acme", 14*day); err != nil {
		t.Fatal(err)
	}
	removed := func() bool {
		keys, err := w.Keys.AccessKeys(ctx, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		return !keys[0].RemovedAt.IsZero()
	}
	w.pass(6 * day)
	w.round()
	w.Clock.Add(month)
	w.round()
	if removed() {
		t.Fatal("a key was destroyed because the clock jumped")
	}
	w.Clock.Add(-month)
	w.round()
	w.pass(7 * day)
	w.round()
	if removed() {
		t.Fatal("a key was destroyed a day too early")
	}
	w.pass(2 * day)
	w.round()
	if !removed() {
		t.Fatal("the key is still there")
	}
	w.wantErased("its files", retention.ReasonKeyRemoved, kept)
	w.wantKept("a file that its grant opens", waits)
	if f := w.File(delivered.ID); f.State != catalog.Delivered || f.Body.Kind != catalog.NoBody {
		t.Errorf("a delivered file is %s, body %s", f.State, f.Body.Kind)
	}
	if !bytes.Equal(w.Read(w.File(waits.ID)), large) {
		t.Error("a file that waits for a person does not open")
	}
}

// Bodies that no key opens go whatever the clock says; the next ones stay.
func TestBodiesThatNoKeyOpens(t *testing.T) {
	w := newWorld(t, nil)
	a := w.account("acme", 0)
	dead := w.put(a, large, catalog.Kept)
	certs, err := w.Keys.Certificates(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keys.RenewCertificate(t.Context(), "operator", a.ID); err != nil {
		t.Fatal(err)
	}
	alive := w.put(a, large, catalog.Kept)
	w.round()
	w.wantKept("both certificates are there", dead, alive)
	if _, err := w.Keys.Remove(t.Context(), "operator", custody.Target{Account: a.ID, Certificate: certs[0].Fingerprint}, "acme"); err != nil {
		t.Fatal(err)
	}
	w.Clock.Add(month)
	w.round()
	w.wantErased("its certificate is gone", retention.ReasonKeyRemoved, dead)
	w.wantKept("its certificate is there", alive)
}

// The vault fails in both ways while a body is removed: the record says erased, and
// the next start removes what is left.
func TestTheVaultFailsBothWays(t *testing.T) {
	for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
		disk := durabletest.NewFaulty(durabletest.NewPowerCut("/data"))
		w := newWorld(t, disk)
		a := w.account("acme", day)
		files := []*catalog.File{w.put(a, large, catalog.Kept), w.put(a, large, catalog.Kept)}
		w.pass(2 * day)
		disk.Fail(durabletest.Remove, 1, how, durabletest.ErrIO)
		w.round()
		if disk.Fired() != 1 {
			t.Fatal("the fault was not met")
		}
		w.Restart()
		w.again()
		if err := w.SweepObjects(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.round()
		w.wantErased(fmt.Sprint("removed, ", how), retention.ReasonRetention, files...)
		if n := w.Objects(); n != 0 {
			t.Errorf("%v: %d objects are left", how, n)
		}
		if n := w.audited("file.erased"); n != 2 {
			t.Errorf("%v: %d audit rows", how, n)
		}
	}
}

// A commit that fails takes no body away that the record still has.
func TestCommitsFailBothWays(t *testing.T) {
	for _, stored := range []bool{false, true} {
		w := newWorld(t, nil)
		a := w.account("acme", day)
		files := []*catalog.File{w.put(a, large, catalog.Kept), w.put(a, []byte("small"), catalog.Kept)}
		w.pass(2 * day)
		w.Faults.FailNext(stored)
		w.round()
		w.World = w.Reopened()
		w.again()
		for _, f := range files {
			now := w.File(f.ID)
			if (now.State == catalog.Erased) != stored {
				t.Errorf("stored %v: it is %s", stored, now.State)
			}
			if !stored && !bytes.Equal(w.Read(now), w.Read(f)) {
				t.Error("it does not open")
			}
		}
		if err := w.SweepObjects(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.round()
		w.wantErased(fmt.Sprint("stored ", stored), retention.ReasonRetention, files...)
		if n := w.audited("file.erased"); n != 2 {
			t.Errorf("stored %v: %d audit rows", stored, n)
		}
	}
}

// One account whose database rows cannot be read does not stop the others: here, one
// that was removed between the list and its turn.
func TestAnAccountThatIsGone(t *testing.T) {
	w := newWorld(t, nil)
	a, b := w.account("acme", day), w.account("other", day)
	f, g := w.put(a, large, catalog.Kept), w.put(b, large, catalog.Kept)
	w.pass(2 * day)
	w.Update(func(tx *catalog.Tx) error { return tx.DeleteAccount(a.ID) })
	w.round()
	w.wantKept("without an account nobody says when", f)
	w.wantErased("the other's", retention.ReasonRetention, g)
}

// An older catalog met a newer key store: what a destroyed key leaves unreadable is
// erased after a week by a clock that is trusted, or by a person before.
func TestBodiesOfRestoredDataAreNotErasedAtOnce(t *testing.T) {
	w := newWorld(t, nil)
	a := w.account("acme", 0)
	f := w.put(a, large, catalog.Kept)
	certs, err := w.Keys.Certificates(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	fp, err := seal.ParseFingerprint(certs[0].Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	// The catalog that knows of it is not here any more.
	if _, err := w.Store.RemoveCertificate(a.ID, fp, w.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	w.again()
	if err := w.Keys.Converge(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.round()
	w.wantKept("found a moment ago", f)
	w.pass(6 * day)
	w.round()
	w.wantKept("found 6 days ago", f)
	w.Clock.Add(month) // a jump: the week begins again when the clock is trusted
	w.round()
	w.pass(2 * day)
	w.round()
	w.pass(6 * day)
	w.round()
	w.wantKept("6 days after the doubt", f)
	w.pass(2 * day)
	w.round()
	w.wantErased("a week by a trusted clock", retention.ReasonKeyRemoved, f)
}

// A key that is merely not in the key store takes no body away.
func TestAMissingKeyErasesNothing(t *testing.T) {
	w := newWorld(t, nil)
	a := w.account("acme", 0)
	tape := filepath.Join(t.TempDir(), "tape")
	if err := w.Store.Backup(tape); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(tape)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keys.RenewCertificate(t.Context(), "operator", a.ID); err != nil {
		t.Fatal(err)
	}
	f := w.put(a, large, catalog.Kept)
	if err := os.WriteFile(tape, old, 0o600); err != nil {
		t.Fatal(err)
	}
	today := w.Store
	w.Store, err = keys.Restore(t.Context(), tape, filepath.Join(t.TempDir(), "keys"), keystest.Master(today), keys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Store.Close)
	w.Restart()
	w.again()
	if err := w.Keys.Converge(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.pass(month)
	w.clock.Trusted()
	w.round()
	w.wantKept("its key may come back", f)
	w.Store = today
	w.Restart()
	if !bytes.Equal(w.Read(w.File(f.ID)), large) {
		t.Error("the newer copy of the keys does not open it")
	}
}
