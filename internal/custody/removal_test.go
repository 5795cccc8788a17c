package custody_test

import (
	"bytes"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/custody/inventory"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/seal"
	"sealgate/internal/statement"
	"sealgate/internal/store/catalog"
)

// certificate is the target of the account's newest current certificate.
func (w *world) certificate(a *catalog.Account) custody.Target {
	w.t.Helper()
	list, err := w.Certificates(w.t.Context(), a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range list {
		if c.Current {
			return custody.Target{Account: a.ID, Certificate: c.Fingerprint}
		}
	}
	w.t.Fatal("no current certificate")
	return custody.Target{}
}

// accessKey is the target of the account's newest access key.
func (w *world) accessKey(a *catalog.Account) custody.Target {
	w.t.Helper()
	list, err := w.AccessKeys(w.t.Context(), a.ID)
	if err != nil || len(list) == 0 {
		w.t.Fatalf("%v, %v", list, err)
	}
	return custody.Target{Account: a.ID, AccessKey: list[0].ID}
}

func (w *world) remove(t custody.Target, name string) *custody.Removed {
	w.t.Helper()
	r, err := w.Remove(w.t.Context(), "op", t, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) renew(a *catalog.Account) *inventory.Certificate {
	w.t.Helper()
	w.clock.Add(time.Second) // so that it is newer
	info, err := w.RenewCertificate(w.t.Context(), "op", a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return info
}

// verified checks the signature of a statement and returns what it says.
func (w *world) verified(note []byte) *statement.Document {
	w.t.Helper()
	d, err := statement.Verify(note, statement.Fingerprint(w.summary().Identity))
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) summary() keys.Summary {
	w.t.Helper()
	s, err := w.ks.Summary()
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// anyKeyOpens tries every key that the key store has on a file, whatever the
// catalog says about it.
func (w *world) anyKeyOpens(row *catalog.File, fresh *custody.Fresh) bool {
	w.t.Helper()
	h, _, err := seal.ReadHeader(bytes.NewReader(fresh.Header))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range w.ks.IngestKeys() {
		if _, err := seal.OpenGrant(row.Grant.Data, k.Private, seal.Binding{File: row.ID, Account: row.Account}); err == nil {
			return true
		}
	}
	ids, err := w.ks.Accounts()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, id := range ids {
		have, err := w.ks.Account(id)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, cert := range have.Certificates() {
			for _, access := range have.AccessKeys() {
				if cert.Key == nil || access.Private == nil {
					continue
				}
				if _, err := h.FileKey(cert.Key, access.Private); err == nil {
					return true
				}
			}
		}
	}
	return false
}

// After a removal, on the same day, an older catalog, older bodies, the key store as
// it is now and the master key open nothing that was sealed under the key.
func TestAfterARemovalOldBackupsOpenNothing(t *testing.T) {
	for what, target := range map[string]func(*world, *catalog.Account) custody.Target{
		"the certificate": (*world).certificate, "the access key": (*world).accessKey,
	} {
		t.Run(what, func(t *testing.T) {
			w := newWorld(t)
			a, other := w.account("acme", catalog.ContentKeep), w.account("beta", catalog.ContentKeep)
			w.changeDay()
			kept, spared := w.kept(a), w.kept(other)
			moving, movingKeys := w.file(a) // its grant is in the old catalog
			records, err := w.Records(t.Context(), a.ID)
			if err != nil {
				t.Fatal(err)
			}
			name := records.Seal("file", "name", kept.ID, []byte("lön.xml"))
			keyBackup := filepath.Join(t.TempDir(), "keys.backup")
			if err := w.ks.Backup(keyBackup); err != nil {
				t.Fatal(err)
			}
			old := w.backup()
			w.rest(moving)

			key := target(w, a)
			r := w.remove(key, "acme")

			for life, later := range map[string]func() *world{
				"the same process":        func() *world { return w },
				"a restart":               func() *world { w.start(); return w },
				"an old catalog":          func() *world { return w.from(old) },
				"an old catalog, started": func() *world { o := w.from(old); o.start(); return o },
				"the key backup":          func() *world { o := w.from(old); o.ks = w.restored(keyBackup); o.open(); return o },
			} {
				now := later()
				for _, f := range []*custody.Fresh{kept, movingKeys} {
					row := now.row(f.ID)
					if err := now.tryOpen(row, f); !fault.Is(err, fault.Locked) {
						t.Errorf("%s: it opens, or: %v", life, err)
					}
					if now.anyKeyOpens(row, f) {
						t.Errorf("%s: a key opens it", life)
					}
				}
				now.opens(spared)
				certificate := key.Certificate != ""
				rec, err := now.Records(t.Context(), a.ID)
				switch {
				case certificate:
					wantKind(t, err, fault.Locked)
				case err != nil:
					t.Errorf("%s: names are lost with an access key: %v", life, err)
				default:
					if got, err := rec.Open("file", "name", kept.ID, name); err != nil || string(got) != "lön.xml" {
						t.Errorf("%s: %q, %v", life, got, err)
					}
				}
			}
			if _, err := records.Open("file", "name", kept.ID, name); key.Certificate != "" && !fault.Is(err, fault.Locked) {
				t.Errorf("who held the record key before still reads names: %v", err)
			}
			d := w.verified(r.Note)
			ids := []string{kept.ID.String(), movingKeys.ID.String()}
			slices.Sort(ids)
			if got := d.Removal; got.Files != 2 || !slices.Equal(got.FileIDs, ids) || !got.Complete || got.Bytes != 2000 || got.Copy != statement.CopyRewritten || got.Cause != "asked" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// restored is the key store as it would be made from a backup of it.
func (w *world) restored(file string) *keys.Store {
	w.t.Helper()
	ks, err := keys.Restore(w.t.Context(), file, filepath.Join(w.t.TempDir(), "keys"), keystest.Master(w.ks), keys.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(ks.Close)
	return ks
}

// An older key store in which the key is still alive does not bring it back.
func TestAnOldCopyOfTheKeyStoreIsPurged(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.kept(a)
	elsewhere := filepath.Join(t.TempDir(), "keys.backup")
	if err := w.ks.Backup(elsewhere); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	w.remove(w.accessKey(a), "acme")
	w.remove(w.certificate(a), "acme")
	if err := os.WriteFile(elsewhere, old, 0o600); err != nil { // by tape, say
		t.Fatal(err)
	}
	w.ks = w.restored(elsewhere)
	w.open()
	if !w.anyKeyOpens(w.row(f.ID), f) {
		t.Fatal("the old copy should hold the keys: the test is wrong")
	}
	if err := w.Converge(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.shut(f)
	if w.anyKeyOpens(w.row(f.ID), f) {
		t.Error("the keys are back")
	}
}

// With an older catalog the statement is made anew, and says why.
func TestAnOldCatalogLearnsWhatWasDestroyed(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	w.kept(a)
	old := w.backup()
	removed := w.clock.Now()
	w.remove(w.certificate(a), "acme")
	w.clock.Add(time.Hour)

	o := w.from(old)
	if err := o.Converge(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := o.statements(a)
	if len(all) != 1 {
		t.Fatalf("%d statements", len(all))
	}
	d := o.verified(all[0].Text).Removal
	if d.Cause != "restored" || !d.Closed || d.Files != 1 || !d.RemovedAt.Equal(removed) {
		t.Errorf("%+v", d)
	}
	if err := o.Converge(t.Context()); err != nil || len(o.statements(a)) != 1 {
		t.Errorf("a second round does it again: %v", err)
	}
	wantKind(t, o.Ready(t.Context(), a.ID), fault.Locked)
	o.renew(a)
	if err := o.Ready(t.Context(), a.ID); err != nil {
		t.Error(err)
	}
}

func (w *world) statements(a *catalog.Account) (all []*catalog.Statement) {
	w.t.Helper()
	w.view(func(tx *catalog.Tx) (err error) {
		all, err = tx.Statements(a.ID, -1)
		return err
	})
	return all
}

func TestARemovalSaysWhatIsLostAndAsks(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	for range 3 {
		w.kept(a)
	}
	first := w.certificate(a)
	w.clock.Add(48 * time.Hour)
	cert, err := keys.NewCertificate("acme", w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ImportCertificate(t.Context(), "op", a.ID, cert, true); err != nil {
		t.Fatal(err)
	}
	w.kept(a) // under both certificates
	w.file(a)
	second := custody.Target{Account: a.ID, Certificate: cert.Fingerprint.String()}

	l, err := w.Preview(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	if l.Files != 3 || l.Bytes != 3000 || l.StillOpen != 2 || l.Closes || l.Moving != 0 {
		t.Errorf("%+v", l)
	}
	want := "Removing certificate " + first.Certificate[:16] + " of account acme destroys its private key: 3 files (3.0 kB, received 2026-11-21 to 2026-11-21) " +
		"can never be read again, neither by acme nor by this gateway, and in no backup, unless somebody has a copy of that key which was exported from here or brought by its owner; 2 files sealed under it can still be read, by another key; " +
		"the files and names of acme that are sealed under it in backups of the data made before can no longer be opened, not even by restoring them: make a new one (gateway backup)."
	if l.Sentence != want {
		t.Errorf("sentence %q", l.Sentence)
	}
	if l, err = w.Preview(t.Context(), second); err != nil || l.Files != 0 || l.StillOpen != 2 || !strings.Contains(l.Sentence, "no file becomes unreadable") {
		t.Errorf("%+v, %v", l, err)
	}
	for _, confirm := range []string{"", "acm", "ACME", "beta"} {
		_, err := w.Remove(t.Context(), "op", first, confirm)
		wantKind(t, err, fault.Invalid)
		if err == nil || !strings.Contains(fault.Message(err), want) {
			t.Errorf("%q: %v", confirm, err)
		}
	}
	if w.actions("certificate.removed") != 0 || len(w.statements(a)) != 0 {
		t.Error("something was done all the same")
	}
	w.remove(first, "acme")
	l, err = w.Preview(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	if l.Files != 2 || l.Moving != 1 || !l.Closes || !strings.Contains(l.Sentence, "(1 of them as soon as they have come to rest)") ||
		!strings.Contains(l.Sentence, "it is the last certificate, so that the file names and usernames of acme become unreadable") {
		t.Errorf("%+v", l)
	}
	_, err = w.Remove(t.Context(), "op", first, "acme")
	wantKind(t, err, fault.Invalid) // once is enough
	for _, none := range []custody.Target{{Account: a.ID}, {Account: a.ID, Certificate: "00"}, {Account: a.ID, AccessKey: uuid.New()}} {
		_, err = w.Remove(t.Context(), "op", none, "acme")
		wantKind(t, err, fault.NotFound)
	}
	other := w.account("beta", catalog.ContentKeep)
	_, err = w.Remove(t.Context(), "op", custody.Target{Account: other.ID, Certificate: second.Certificate}, "beta")
	wantKind(t, err, fault.NotFound) // another account's
}

func TestTheSentenceOfAnAccessKey(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	w.kept(a)
	l, err := w.Preview(t.Context(), w.accessKey(a))
	if err != nil {
		t.Fatal(err)
	}
	if !l.Stops || l.Closes || l.Files != 1 || !strings.Contains(l.Sentence, "1 file (1.0 kB") ||
		!strings.Contains(l.Sentence, "it is the last access key, so that nothing of acme can be kept or accepted until another one is there") {
		t.Errorf("%+v", l)
	}
}

// The system account's names are the operators': without them nobody could
// repair anything.
func TestTheGatewaysOwnLastCertificateStays(t *testing.T) {
	w := newWorld(t)
	a := w.account(catalog.SystemAccount, catalog.ContentDelete)
	_, err := w.Remove(t.Context(), "op", w.certificate(a), catalog.SystemAccount)
	wantKind(t, err, fault.Invalid)
	old, before := w.certificate(a), w.backup()
	w.renew(a)
	w.remove(old, catalog.SystemAccount)
	// Not by a schedule either, that outlives the other certificate.
	first := w.certificate(a)
	w.renew(a)
	if _, _, err := w.ScheduleRemoval(t.Context(), "op", first, catalog.SystemAccount, time.Hour); err != nil {
		t.Fatal(err)
	}
	w.remove(w.certificate(a), catalog.SystemAccount)
	other := w.account("acme", catalog.ContentKeep)
	if _, _, err := w.ScheduleRemoval(t.Context(), "op", w.accessKey(other), "acme", time.Hour); err != nil {
		t.Fatal(err)
	}
	w.clock.Add(2 * time.Hour)
	n, err := w.RemoveDue(t.Context())
	wantKind(t, err, fault.Invalid)
	if n != 1 {
		t.Errorf("%d of the others were removed", n)
	}
	// Beside a catalog from before, it gets another.
	o := w.from(before)
	if err := o.Converge(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.readable(a, o.sealName(a), true)
}

// Who began before a removal and commits after it does not slip through.
func TestAFileUnderARemovedKeyIsRefusedOrCounted(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	late, err := w.NewFile(t.Context(), a, true)
	if err != nil {
		t.Fatal(err)
	}
	arriving, arrivingKeys := w.file(a)
	arriving.State, arriving.Body = catalog.Arriving, catalog.Body{Kind: catalog.NoBody}
	w.update(func(tx *catalog.Tx) error { return tx.SaveFile(arriving) })
	ctx, old := t.Context(), w.accessKey(a)
	if _, err := w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{}); err != nil {
		t.Fatal(err)
	}
	r := w.remove(old, "acme")
	if r.Loss.Files != 1 || r.Loss.Moving != 1 {
		t.Errorf("%+v", r.Loss)
	}
	if d := w.verified(r.Note).Removal; !slices.Equal(d.FileIDs, []string{arriving.ID.String()}) {
		t.Errorf("%+v", d)
	}
	err = w.cat.Update(ctx, func(tx *catalog.Tx) error {
		_, err := late.LockID(tx)
		return err
	})
	wantKind(t, err, fault.TryLater)
	// What arrives goes on to be indexed by its grant, and is lost when it rests.
	w.opens(arrivingKeys)
	w.rest(w.row(arriving.ID))
	w.shut(arrivingKeys)
	// The next file is sealed under the key that is left.
	w.opens(w.kept(a))
}

// Keys made ahead are sealed under the removed key, too.
func TestNothingMadeAheadOutlivesARemoval(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	w.Fill(t.Context(), a)
	if w.MadeAhead() == 0 {
		t.Fatal("nothing was made ahead: the test is wrong")
	}
	old := w.certificate(a)
	w.renew(a)
	w.remove(old, "acme")
	if n := w.MadeAhead(); n != 0 {
		t.Errorf("%d are left", n)
	}
	f := w.kept(a)
	h, _, err := seal.ReadHeader(bytes.NewReader(f.Header))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrap := range h.Wraps {
		if wrap.Key.String() == old.Certificate {
			t.Error("a new file is sealed under the removed certificate")
		}
	}
	w.opens(f)
}

func TestAScheduledRemovalWaitsAndCanBeCalledOff(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.kept(a)
	ctx := t.Context()
	for what, target := range map[string]custody.Target{"certificate": w.certificate(a), "access key": w.accessKey(a)} {
		_, _, err := w.ScheduleRemoval(ctx, "op", target, "beta", 14*24*time.Hour)
		wantKind(t, err, fault.Invalid)
		for _, wait := range []time.Duration{0, -time.Hour, time.Minute, 400 * 24 * time.Hour} {
			_, _, err = w.ScheduleRemoval(ctx, "op", target, "acme", wait)
			wantKind(t, err, fault.Invalid)
		}
		wantKind(t, w.CancelRemoval(ctx, "op", target), fault.Invalid)
		l, at, err := w.ScheduleRemoval(ctx, "op", target, "acme", 14*24*time.Hour)
		if err != nil || l.Files != 1 || !at.Equal(w.clock.Now().Add(14*24*time.Hour)) {
			t.Fatalf("%s: %+v, %v, %v", what, l, at, err)
		}
		if err := w.CancelRemoval(ctx, "op", target); err != nil {
			t.Fatal(err)
		}
		w.clock.Add(15 * 24 * time.Hour)
		if n, err := w.RemoveDue(ctx); n != 0 || err != nil {
			t.Fatalf("%s: called off, and %d removed, %v", what, n, err)
		}
		w.opens(f)
	}
	target := w.accessKey(a)
	if _, _, err := w.ScheduleRemoval(ctx, "op", target, "acme", 14*24*time.Hour); err != nil {
		t.Fatal(err)
	}
	w.clock.Add(13 * 24 * time.Hour)
	if n, err := w.RemoveDue(ctx); n != 0 || err != nil {
		t.Fatalf("too early: %d, %v", n, err)
	}
	w.opens(f)
	w.opens(w.kept(a)) // it is the only one, and still in use
	w.clock.Add(25 * time.Hour)
	w.start()
	if n, err := w.RemoveDue(ctx); n != 1 || err != nil {
		t.Fatalf("due: %d, %v", n, err)
	}
	w.shut(f)
	all := w.statements(a)
	if len(all) != 1 || w.verified(all[0].Text).Removal.Cause != "scheduled" || w.verified(all[0].Text).Removal.Files != 2 {
		t.Errorf("%d statements", len(all))
	}
	wantKind(t, w.CancelRemoval(ctx, "op", target), fault.Invalid)
	if n, err := w.RemoveDue(ctx); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
}

// A key that is to go is not used for new files while there is another.
func TestAKeyWhoseRemovalIsScheduledIsSpared(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	target := w.accessKey(a)
	w.clock.Add(time.Second)
	if _, err := w.AddAccessKey(t.Context(), "op", a.ID, custody.NewKey{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.ScheduleRemoval(t.Context(), "op", target, "acme", time.Hour); err != nil {
		t.Fatal(err)
	}
	f := w.kept(a)
	w.remove(target, "acme")
	w.opens(f)
}

// A copy of the key store that cannot be reached is named in the statement, and
// does not keep the key alive here.
func TestAnUnreachableCopyIsSaid(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.kept(a)
	dir := t.TempDir()
	if err := w.ks.Backup(filepath.Join(dir, "keys.backup")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "keys.backup")); err != nil {
		t.Fatal(err)
	}
	r := w.remove(w.accessKey(a), "acme")
	if r.Copy.Rewritten || r.Copy.Err == nil || w.verified(r.Note).Removal.Copy != statement.CopyNotReached {
		t.Errorf("%+v", r.Copy)
	}
	w.shut(f)
}

// A customer who holds the other half loses nothing when the gateway lets go of
// his key; the gateway never could read a thing.
func TestRemovingACustomersKeyTakesNothingFromHim(t *testing.T) {
	w := newWorld(t)
	a, private := w.customer("acme")
	f := w.kept(a)
	w.shut(f)
	target := w.accessKey(a)
	l, err := w.Preview(t.Context(), target)
	if err != nil || l.Files != 0 || l.Outside != 1 || !l.Stops || !strings.Contains(l.Sentence, "with the private half that acme alone holds") {
		t.Fatalf("%+v, %v", l, err)
	}
	w.remove(target, "acme")
	wantKind(t, w.Ready(t.Context(), a.ID), fault.Locked)
	if dead, err := w.DeadLocks(t.Context(), a.ID, w.clock.Now()); err != nil || len(dead) != 0 {
		t.Errorf("dead: %v, %v", dead, err)
	}
	have, err := w.ks.Account(a.ID)
	if err != nil {
		t.Fatal(err)
	}
	h, raw, err := seal.ReadHeader(bytes.NewReader(f.Header))
	if err != nil {
		t.Fatal(err)
	}
	k, err := h.FileKey(have.Certificates()[0].Key, private)
	if err != nil {
		t.Fatal(err)
	}
	if err := seal.VerifyHeader(raw, k); err != nil {
		t.Error(err)
	}
	_, err = w.Unlock(t.Context(), "op", a.ID, private, 0)
	wantKind(t, err, fault.NotFound)
	w.remove(w.certificate(a), "acme")
	if dead, err := w.DeadLocks(t.Context(), a.ID, w.clock.Now()); err != nil || len(dead) != 1 {
		t.Errorf("dead: %v, %v", dead, err)
	}
}

// customer makes an account whose customer holds a confirmed access key.
func (w *world) customer(name string) (*catalog.Account, hpke.PrivateKey) {
	w.t.Helper()
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		w.t.Fatal(err)
	}
	a := w.accountWith(custody.NewAccount{
		Name: name, Keys: catalog.KeysCustomer, Access: custody.NewKey{Public: private.PublicKey()},
	}, catalog.ContentKeep)
	w.confirm(a, w.accessKey(a).AccessKey, private)
	return a, private
}

func (w *world) confirm(a *catalog.Account, id uuid.UUID, private hpke.PrivateKey) {
	w.t.Helper()
	file, _, err := w.Challenge(w.t.Context(), "op", a.ID, id)
	if err != nil {
		w.t.Fatal(err)
	}
	answer, err := keyfile.AnswerChallenge(file, private)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.Confirm(w.t.Context(), "op", a.ID, id, answer); err != nil {
		w.t.Fatal(err)
	}
}

// The draft that is on record between intent and signature is no statement.
func TestAnUnsignedStatementDoesNotVerify(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	w.FailAt(func(string) error { return errors.New("crash") })
	if _, err := w.Remove(t.Context(), "op", w.accessKey(a), "acme"); err == nil {
		t.Fatal("no crash")
	}
	st := w.statements(a)[0]
	if st.Signed || !json.Valid(st.Text) {
		t.Errorf("%+v", st)
	}
	if _, err := statement.Verify(st.Text, ""); err == nil {
		t.Error("it verifies")
	}
}

// A statement names files up to a bound, counts all of them, and says which it
// does.
func TestAStatementOfVeryManyFiles(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.kept(a)
	row := w.row(f.ID)
	const many = 10_500
	for done := 0; done < many; done += 500 {
		w.update(func(tx *catalog.Tx) error {
			for range 500 {
				more := *row
				more.ID, more.Number = uuid.Must(uuid.NewV7()), 0
				if err := tx.InsertFile(&more); err != nil {
					return err
				}
			}
			return nil
		})
	}
	d := w.verified(w.remove(w.accessKey(a), "acme").Note).Removal
	if d.Files != many+1 || len(d.FileIDs) != 10_000 || d.Complete {
		t.Errorf("%d files, %d named, complete: %v", d.Files, len(d.FileIDs), d.Complete)
	}
}
