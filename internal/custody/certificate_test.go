package custody_test

import (
	"bytes"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

func (w *world) brought(name string) *keys.Certificate {
	w.t.Helper()
	cert, err := keys.NewCertificate(name, w.clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return cert
}

// Old files open, new ones are sealed under the new certificate, and names are
// read by each of them alone.
func TestRenewedCertificatesOpenOldAndNew(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	name := w.sealName(a)
	first := w.kept(a)
	old := w.certificate(a)
	info := w.renew(a)
	second := w.kept(a)
	if w.certificate(a).Certificate != info.Fingerprint || !info.Here {
		t.Errorf("%+v", info)
	}
	list, err := w.Certificates(t.Context(), a.ID)
	if err != nil || len(list) != 2 || list[0].Files != 1 || list[1].Files != 1 || list[1].Fingerprint != old.Certificate {
		t.Errorf("%+v, %v", list, err)
	}
	w.start()
	w.opens(first)
	w.opens(second)
	w.readable(a, name, true)
	w.remove(old, "acme")
	w.start()
	w.readable(a, name, true) // by the one that is left
	w.shut(first)
	w.opens(second)
}

func TestCertificatesThatAreNotTaken(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a := w.account("acme", catalog.ContentKeep)
	cert := w.brought("acme")
	w.clock.Add(time.Second)
	if _, err := w.ImportCertificate(ctx, "op", a.ID, cert, false); err != nil {
		t.Fatal(err)
	}
	_, err := w.ImportCertificate(ctx, "op", a.ID, cert, false)
	wantKind(t, err, fault.Exists)
	w.remove(custody.Target{Account: a.ID, Certificate: cert.Fingerprint.String()}, "acme")
	_, err = w.ImportCertificate(ctx, "op", a.ID, cert, false)
	wantKind(t, err, fault.Invalid) // what was destroyed does not come back
	if err := w.Ready(ctx, a.ID); err != nil {
		t.Errorf("a refusal has cost the account something: %v", err)
	}
	_, err = w.ImportCertificate(ctx, "op", uuid.New(), w.brought("nobody"), false)
	wantKind(t, err, fault.NotFound)

	// An account that an operator has closed is not opened by a certificate.
	a.State = catalog.AccountClosed
	w.update(func(tx *catalog.Tx) error { return tx.SaveAccount(a) })
	_, err = w.RenewCertificate(ctx, "op", a.ID)
	wantKind(t, err, fault.Locked)
	_, err = w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{})
	wantKind(t, err, fault.Locked)

	b := w.account("beta", catalog.ContentKeep)
	n := 0
	for err = nil; err == nil && n < 100; n++ {
		_, err = w.ImportCertificate(ctx, "op", b.ID, w.brought("many"), true)
	}
	wantKind(t, err, fault.TooLarge)
	w.opens(w.kept(b))
}

func TestAClosedAccountOpensAgainWithNewNames(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a := w.account("acme", catalog.ContentKeep)
	name := w.sealName(a)
	before, err := w.Records(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	mac := before.MAC("names", []byte("lön.xml"))
	f := w.kept(a)
	w.remove(w.certificate(a), "acme")
	_, err = w.NewFile(ctx, a, true)
	wantKind(t, err, fault.Locked)
	if before.MAC("names", []byte("lön.xml")) == mac {
		t.Error("who held the record key still makes its MACs")
	}
	w.clock.Add(time.Second)
	if _, err := w.ImportCertificate(ctx, "op", a.ID, w.brought("acme"), false); err != nil {
		t.Fatal(err)
	}
	w.readable(a, name, false)
	w.shut(f)
	again := w.sealName(a)
	w.start()
	w.readable(a, again, true)
	w.readable(a, name, false)
	w.opens(w.kept(a))
}

// Who seals names while the account is closed loses them, and nothing breaks.
func TestRecordsAreSafeToUseWhileTheyAreDestroyed(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	r, err := w.Records(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	row := uuid.New()
	sealed := r.Seal("file", "name", row, []byte("x"))
	var all sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r.Seal("file", "name", row, []byte("x"))
				r.MAC("names", []byte("x"))
				if _, err := r.Open("file", "name", row, sealed); err != nil && !fault.Is(err, fault.Locked) {
					t.Error(err)
					return
				}
			}
		})
	}
	w.remove(w.certificate(a), "acme")
	close(stop)
	all.Wait()
	_, err = r.Open("file", "name", row, sealed)
	wantKind(t, err, fault.Locked)
}

// A new header under the present lock opens with its keys, and the old keys can
// then go.
func TestResealedFilesOpenWithTheNewKeysAlone(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a := w.account("acme", catalog.ContentKeep)
	f := w.kept(a)
	oldCert, oldAccess := w.certificate(a), w.accessKey(a)
	w.renew(a)
	if _, err := w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.ScheduleRemoval(ctx, "op", oldAccess, "acme", time.Hour); err != nil {
		t.Fatal(err)
	}
	l, err := w.CurrentLock(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := seal.ReadHeader(bytes.NewReader(f.Header))
	if err != nil {
		t.Fatal(err)
	}
	fresh, key, err := w.Reseal(ctx, w.row(f.ID), h, l)
	if err != nil {
		t.Fatal(err)
	}
	f.Header = fresh.Marshal(key)
	row := w.row(f.ID)
	w.update(func(tx *catalog.Tx) error {
		was, err := tx.Lock(row.Lock)
		if err != nil {
			return err
		}
		if l.Is(was) {
			t.Error("the old lock is the present one")
		}
		if row.Lock, err = l.ID(tx); err != nil {
			return err
		}
		return tx.SaveFile(row)
	})
	for _, target := range []custody.Target{oldCert, oldAccess} {
		if r := w.remove(target, "acme"); r.Loss.Files != 0 {
			t.Errorf("%+v", r.Loss)
		}
	}
	w.opens(f)
	if dead, err := w.DeadLocks(ctx, a.ID, w.clock.Now()); err != nil || len(dead) != 1 {
		t.Errorf("%v, %v", dead, err)
	}

	// Without both keys there is nothing to be resealed.
	b, private := w.customer("beta")
	g := w.kept(b)
	if h, _, err = seal.ReadHeader(bytes.NewReader(g.Header)); err != nil {
		t.Fatal(err)
	}
	theirs, err := w.CurrentLock(ctx, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.Reseal(ctx, w.row(g.ID), h, theirs)
	wantKind(t, err, fault.Locked)
	if _, err := w.Unlock(ctx, "op", b.ID, private, 0); err != nil {
		t.Fatal(err)
	}
	if _, _, err = w.Reseal(ctx, w.row(g.ID), h, theirs); err != nil {
		t.Error(err)
	}
	_, _, err = w.Reseal(ctx, w.row(g.ID), h, l)
	wantKind(t, err, fault.Invalid) // another account's lock
	_, _, err = w.Reseal(ctx, w.row(f.ID), h, l)
	wantKind(t, err, fault.Damaged) // another file's header
}

// A lock that was read before a key went is refused where it would be used.
func TestALockIsCheckedWhereItIsUsed(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	old := w.certificate(a)
	l, err := w.CurrentLock(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.renew(a)
	use := func() error {
		return w.cat.Update(t.Context(), func(tx *catalog.Tx) error {
			_, err := l.ID(tx)
			return err
		})
	}
	if err := use(); err != nil {
		t.Errorf("its keys are all there: %v", err)
	}
	w.remove(old, "acme")
	wantKind(t, use(), fault.TryLater)
}

// Arrivals go on while keys change: whatever is on record opens with a key that
// is there, or was counted as lost.
func TestArrivalsDuringKeyChanges(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	var all sync.WaitGroup
	var mu sync.Mutex
	var files []*custody.Fresh
	for range 3 {
		all.Go(func() {
			for range 50 {
				f, err := w.NewFile(t.Context(), a, true)
				if err != nil {
					t.Error(err)
					return
				}
				row := &catalog.File{
					ID: f.ID, Account: a.ID, Direction: catalog.In, State: catalog.Kept, Source: "sftp", Node: "node-1",
					Times: catalog.Times{BeganAt: w.clock.Now()}, Body: catalog.Body{Kind: catalog.VaultBody, Ref: f.ID.String()},
				}
				err = w.cat.Update(t.Context(), func(tx *catalog.Tx) (err error) {
					if row.Lock, err = f.LockID(tx); err != nil {
						return err
					}
					return tx.InsertFile(row)
				})
				if fault.Is(err, fault.TryLater) {
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				files = append(files, f)
				mu.Unlock()
			}
		})
	}
	lost := map[string]bool{}
	for range 4 {
		old := w.certificate(a)
		w.renew(a)
		for _, id := range w.verified(w.remove(old, "acme").Note).Removal.FileIDs {
			lost[id] = true
		}
	}
	all.Wait()
	for _, f := range files {
		err := w.tryOpen(w.row(f.ID), f)
		if (err == nil) == lost[f.ID.String()] {
			t.Errorf("file %s: declared lost: %v, and: %v", f.ID, lost[f.ID.String()], err)
		}
	}
	if len(files) == 0 {
		t.Error("nothing arrived")
	}
}

// However the clock is set, keys stay as they are: nothing expires but what a
// person can make anew, and a removal that is scheduled waits for who trusts the
// clock.
func TestKeysDoNotMindTheClock(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	yearly := w.accountWith(custody.NewAccount{Name: "beta", Keys: catalog.KeysGateway, KeyPeriod: catalog.PeriodYear}, catalog.ContentKeep)
	files := []*custody.Fresh{w.kept(a), w.kept(yearly)}
	if _, _, err := w.ScheduleRemoval(t.Context(), "op", w.accessKey(a), "acme", time.Hour); err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	for _, jump := range []time.Duration{3 * day, -6 * day, 400 * day, -800 * day, 30 * 365 * day, -29 * 365 * day} {
		w.clock.Add(jump)
		w.start()
		_, moving := w.file(a)
		files = append(files, w.kept(a), w.kept(yearly), moving)
		w.changeDay()
		if _, err := w.Warnings(t.Context()); err != nil {
			t.Error(err)
		}
		for _, f := range files {
			w.opens(f)
		}
	}
	w.renew(a)
	w.opens(w.kept(a))
	w.readable(a, w.sealName(a), true)
}
