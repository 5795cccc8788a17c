package custody_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/custody"
	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// keyCopy is a copy of the key store that stays as it is: what the gateway does not
// bring up to date, such as one on tape.
func (w *world) keyCopy() string {
	w.t.Helper()
	dir := w.t.TempDir()
	file, tape := filepath.Join(dir, "keys.copy"), filepath.Join(dir, "tape")
	if err := w.ks.Backup(file); err != nil {
		w.t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(tape, data, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return tape
}

// withKeys is today's catalog beside a key store made from an older copy.
func (w *world) withKeys(file string) *world {
	w.t.Helper()
	old := *w
	old.ks = w.restored(file)
	old.open()
	old.changeDay()
	if err := old.Converge(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return &old
}

// warned returns what is said about missing keys, by object.
func (w *world) warned(a *catalog.Account, code string) map[string]string {
	w.t.Helper()
	all, err := w.AccountWarnings(w.t.Context(), a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	found := map[string]string{}
	for _, warning := range all {
		if warning.Code == code {
			found[warning.Object] = warning.Message
		}
	}
	return found
}

// After a key store came back that is older than a key, nothing is sealed for that
// key: nobody may ever open it. The refusal names the key and the way out.
func TestNothingIsSealedForAKeyThatIsNotHere(t *testing.T) {
	for what, lost := range map[string]func(w *world, a *catalog.Account) (object string){
		"a renewed certificate": func(w *world, a *catalog.Account) string { return w.renew(a).Fingerprint },
		"the key of a year": func(w *world, a *catalog.Account) string {
			w.clock.Add(60 * 24 * time.Hour) // January: made by itself
			w.kept(a)
			id := w.named(a, "2027")
			return custody.Target{AccessKey: id}.AccessKey.String()
		},
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			a := w.accountWith(custody.NewAccount{Name: "acme", Keys: catalog.KeysGateway, KeyPeriod: catalog.PeriodYear}, catalog.ContentKeep)
			other := w.account("beta", catalog.ContentKeep)
			before, name := w.kept(a), w.sealName(a)
			copied := w.keyCopy()
			w.clock.Add(time.Second)
			object := lost(w, a)
			after := w.kept(a)

			old := w.withKeys(copied)
			_, err := old.NewFile(t.Context(), a, true)
			wantKind(t, err, fault.Locked)
			said := fault.Message(err)
			for _, part := range []string{object[:16], "is not in the key store", "gateway keys restore"} {
				if !strings.Contains(said, part) {
					t.Errorf("%q does not say %q", said, part)
				}
			}
			wantKind(t, old.Ready(t.Context(), a.ID), fault.Locked)
			old.opens(before)
			old.shut(after)
			old.readable(a, name, true)
			if got := old.warned(a, keyring.WarnMissing); len(got) != 1 || got[object] == "" {
				t.Errorf("warnings: %v", got)
			}
			if dead, err := old.DeadLocks(t.Context(), a.ID, old.clock.Now()); err != nil || len(dead) != 0 {
				t.Errorf("a key that is only missing counts as destroyed: %v, %v", dead, err)
			}
			old.opens(old.kept(other)) // the others go on
			if got := old.warned(other, keyring.WarnMissing); len(got) != 0 {
				t.Errorf("warnings of another account: %v", got)
			}

			// The newer copy brings it back.
			w.opens(after)
			w.opens(w.kept(a))
		})
	}
}

// What an operator is told to do helps, when there is no newer copy.
func TestANewKeyTakesTheMissingOnesPlace(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	before := w.kept(a)
	copied := w.keyCopy()
	w.clock.Add(time.Second)
	w.renew(a)
	old := w.withKeys(copied)
	wantKind(t, old.Ready(t.Context(), a.ID), fault.Locked)
	w.clock.Add(time.Second)
	old.renew(a)
	old.opens(before)
	old.opens(old.kept(a))
	if l, err := old.CurrentLock(t.Context(), a.ID); err != nil || l.Whole() != nil {
		t.Errorf("%v, %v", l, err)
	}
}

// Of several access keys those that are here are sealed for; but no file is moved
// from a key that may come back.
func TestOneOfSeveralKeysIsMissing(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	copied := w.keyCopy()
	w.clock.Add(time.Second)
	if _, err := w.AddAccessKey(t.Context(), "op", a.ID, custody.NewKey{}); err != nil {
		t.Fatal(err)
	}
	both := w.kept(a)
	old := w.withKeys(copied)
	old.opens(both)
	old.opens(old.kept(a))
	l, err := old.CurrentLock(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, l.Whole(), fault.Locked)
	var rows []*catalog.Lock
	old.view(func(tx *catalog.Tx) (err error) { rows, err = tx.Locks(a.ID); return err })
	for _, row := range rows {
		_, err := old.LockFor(t.Context(), row)
		wantKind(t, err, fault.Locked)
	}
}

// A header is not handed out that nothing here opens, whoever chose the lock.
func TestAFileIsNotResealedForKeysThatAreNotHere(t *testing.T) {
	for what, add := range map[string]func(w *world, a *catalog.Account){
		"certificate": func(w *world, a *catalog.Account) { w.renew(a) },
		"access key": func(w *world, a *catalog.Account) {
			first := w.accessKey(a)
			if _, err := w.AddAccessKey(t.Context(), "op", a.ID, custody.NewKey{}); err != nil {
				t.Fatal(err)
			}
			if _, _, err := w.ScheduleRemoval(t.Context(), "op", first, "acme", 24*time.Hour); err != nil {
				t.Fatal(err)
			}
		},
	} {
		w := newWorld(t)
		a := w.account("acme", catalog.ContentKeep)
		f := w.kept(a)
		copied := w.keyCopy()
		w.clock.Add(time.Second)
		add(w, a)
		l, err := w.CurrentLock(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		h, _, err := seal.ReadHeader(bytes.NewReader(f.Header))
		if err != nil {
			t.Fatal(err)
		}
		if _, k, err := w.Reseal(t.Context(), w.row(f.ID), h, l); err != nil {
			t.Errorf("%s is here: %v", what, err)
		} else {
			k.Wipe()
		}
		old := w.withKeys(copied)
		_, _, err = old.Reseal(t.Context(), old.row(f.ID), h, l)
		if !fault.Is(err, fault.Locked) {
			t.Errorf("%s is not here: %v", what, err)
		}
	}
}

// The removal of a key counts nothing as readable by a key that is not here, and
// nothing as lost for ever that a newer copy brings back.
func TestALossCountsOnNoKeyThatIsNotHere(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	first := w.certificate(a)
	copied := w.keyCopy()
	w.clock.Add(time.Second)
	cert, err := keys.NewCertificate("acme", w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ImportCertificate(t.Context(), "op", a.ID, cert, true); err != nil {
		t.Fatal(err)
	}
	w.kept(a)
	old := w.withKeys(copied)
	l, err := old.Preview(t.Context(), first)
	if err != nil || l.StillOpen != 0 || l.Files != 0 || l.Missing != 1 || !strings.Contains(l.Sentence, "1 file sealed under it can be read after that only by keys that are not in the key store") {
		t.Errorf("%+v, %v", l, err)
	}
	l, err = old.Preview(t.Context(), custody.Target{Account: a.ID, Certificate: cert.Fingerprint.String()})
	if err != nil || l.StillOpen != 1 || l.Missing != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err = w.Preview(t.Context(), first); err != nil || l.StillOpen != 1 || l.Missing != 0 {
		t.Errorf("with all keys: %+v, %v", l, err)
	}
}

// An account that is younger than the key store takes nothing; it can be closed and
// begun anew.
func TestAnAccountThatTheKeyStoreDoesNotKnow(t *testing.T) {
	w := newWorld(t)
	w.account("beta", catalog.ContentKeep)
	copied := w.keyCopy()
	a := w.account("acme", catalog.ContentKeep)
	old := w.withKeys(copied)
	wantKind(t, old.Ready(t.Context(), a.ID), fault.Locked)
	if got := old.warned(a, keyring.WarnMissing); len(got) != 2 {
		t.Errorf("warnings: %v", got)
	}
	old.remove(old.certificate(a), "acme")
	w.clock.Add(time.Second)
	old.renew(a)
	if _, err := old.AddAccessKey(t.Context(), "op", a.ID, custody.NewKey{}); err != nil {
		t.Fatal(err)
	}
	old.opens(old.kept(a))
}

// Without the key of its own account the gateway does not begin: nobody could sign
// in. Any other account only stands still.
func TestTheGatewaysOwnKeysHaveToBeHere(t *testing.T) {
	w := newWorld(t)
	copied := w.keyCopy()
	w.account(catalog.SystemAccount, catalog.ContentKeep)
	old := *w
	old.ks = w.restored(copied)
	old.open()
	old.changeDay()
	err := old.Converge(t.Context())
	wantKind(t, err, fault.Locked)
	if !strings.Contains(fault.Message(err), "gateway's own account") {
		t.Errorf("%q", fault.Message(err))
	}
}

// An older catalog beside today's key store: what a destroyed key leaves unreadable
// there stays for 7 days by a trusted clock, since a newer backup may exist.
func TestBodiesOfRestoredDataWait(t *testing.T) {
	for what, target := range map[string]func(*world, *catalog.Account) custody.Target{
		"certificate": (*world).certificate, "access key": (*world).accessKey,
	} {
		w := newWorld(t)
		a := w.account("acme", catalog.ContentKeep)
		w.kept(a)
		data := w.backup()
		gone := target(w, a)
		w.remove(gone, "acme")
		dead := func(w *world, trusted bool) bool {
			now := time.Time{}
			if trusted {
				now = w.clock.Now()
			}
			locks, err := w.DeadLocks(t.Context(), a.ID, now)
			if err != nil {
				t.Fatal(err)
			}
			return slices.Contains(locks, 1)
		}
		if !dead(w, false) {
			t.Errorf("%s: removed by a person, and it waits", what)
		}
		old := w.from(data)
		if err := old.Converge(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := old.warned(a, keyring.WarnOlderData); len(got) != 1 {
			t.Errorf("%s: warnings %v", what, got)
		}
		const day = 24 * time.Hour
		for _, step := range []struct {
			pass    time.Duration
			trusted bool
			dead    bool
		}{
			{0, false, false},
			{30 * day, false, false}, // the clock jumped
			{day, true, false},
			{6 * day, true, false},
			{0, false, false}, // in doubt again: from the beginning
			{day, true, false},
			{7*day - time.Minute, true, false},
			{time.Hour, true, true},
		} {
			w.clock.Add(step.pass)
			if got := dead(old, step.trusted); got != step.dead {
				t.Errorf("%s: after %v, trusted %v: dead %v", what, step.pass, step.trusted, got)
			}
		}
		if got := old.warned(a, keyring.WarnOlderData); len(got) != 0 {
			t.Errorf("%s: warnings %v", what, got)
		}
	}
}

// Sentence and statement say what becomes of older backups, also when no file is lost
// today, and not of a key that its customer keeps.
func TestARemovalSpeaksOfOlderBackups(t *testing.T) {
	const inBackups = "in backups of the data made before can no longer be opened, not even by restoring them: make a new one (gateway backup)."
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.kept(a)
	target := w.certificate(a)
	w.clock.Add(time.Second)
	w.renew(a)
	w.update(func(tx *catalog.Tx) error { // resealed
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		l, err := w.CurrentLock(t.Context(), a.ID)
		if err != nil {
			return err
		}
		if row.Lock, err = l.ID(tx); err != nil {
			return err
		}
		return tx.SaveFile(row)
	})
	d := w.verified(w.remove(target, "acme").Note).Removal
	if d.Files != 0 || !strings.Contains(d.Sentence, "the files and names of acme that are sealed under it "+inBackups) || !strings.Contains(d.Note, "Backups of the data") {
		t.Errorf("%+v", d)
	}

	w.clock.Add(time.Second)
	added, err := w.AddAccessKey(t.Context(), "op", a.ID, custody.NewKey{})
	if err != nil {
		t.Fatal(err)
	}
	unused := custody.Target{Account: a.ID, AccessKey: added.ID}
	if l, err := w.Preview(t.Context(), unused); err != nil || strings.Contains(l.Sentence, "backups") {
		t.Errorf("never used: %+v, %v", l, err)
	}
	w.kept(a)
	if l, err := w.Preview(t.Context(), unused); err != nil || !strings.Contains(l.Sentence, "the files of acme that are sealed under it "+inBackups) {
		t.Errorf("%+v, %v", l, err)
	}

	b, _ := w.customer("beta")
	w.kept(b)
	d = w.verified(w.remove(w.accessKey(b), "beta").Note).Removal
	if strings.Contains(d.Sentence, "backups") || strings.Contains(d.Note, "Backups of the data") {
		t.Errorf("the customer's: %+v", d)
	}
}
