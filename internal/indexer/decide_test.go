package indexer_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/indexer"
	"sealgate/internal/keys"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// bring gives a file a state by hand.
func (w *world) bring(id uuid.UUID, state catalog.State) *catalog.File {
	w.t.Helper()
	w.Update(func(tx *catalog.Tx) error {
		f, err := tx.File(id)
		if err != nil {
			return err
		}
		f.State = state
		if state == catalog.Kept {
			f.Grant = catalog.Grant{}
		}
		return tx.SaveFile(f)
	})
	return w.File(id)
}

// wantGone checks that nothing of a file's content is left: no object, no inline body,
// no grant.
func (w *world) wantGone(what string, f *catalog.File) {
	w.t.Helper()
	row := w.File(f.ID)
	if row.Grant.Key != "" || row.Grant.Data != nil || row.Body != (catalog.Body{Kind: catalog.NoBody}) {
		w.t.Errorf("%s: grant %q, body %v", what, row.Grant.Key, row.Body)
	}
	if f.Body.Kind == catalog.VaultBody {
		if _, err := w.Vault.Open(w.t.Context(), f.Body.Ref); !fault.Is(err, fault.NotFound) {
			w.t.Errorf("%s: it is in the vault: %v", what, err)
		}
	}
	err := w.Catalog.View(w.t.Context(), func(tx *catalog.Tx) error { _, err := tx.Inline(f.ID); return err })
	if !fault.Is(err, fault.NotFound) {
		w.t.Errorf("%s: it is in the catalog: %v", what, err)
	}
	if _, err := w.Bodies.Open(w.t.Context(), f); !fault.Is(err, fault.NotFound) {
		w.t.Errorf("%s: who has an old row opens it: %v", what, err)
	}
}

func TestEraseInEveryState(t *testing.T) {
	large := bytes.Repeat([]byte("content "), 30_000)
	for _, state := range []catalog.State{
		catalog.WaitingRename, catalog.Received, catalog.Locked, catalog.Held, catalog.Refused, catalog.Kept,
		catalog.Waiting, catalog.Delivered,
	} {
		for _, content := range [][]byte{[]byte("small"), large} {
			w := newWorld(t)
			f := w.bring(w.send(w.account("acme", catalog.ContentKeep), "a.xml", content).ID, state)
			if err := w.indexer.Erase(t.Context(), f.ID, "operator", ""); err != nil {
				t.Fatalf("%s: %v", state, err)
			}
			w.wantGone(string(state), f)
			row := w.File(f.ID)
			want := catalog.Erased
			if state == catalog.Delivered {
				want = state
			}
			if row.State != want || row.Reason != indexer.ReasonErased {
				t.Errorf("%s: it is %s, %q", state, row.State, row.Reason)
			}
			if err := w.indexer.Erase(t.Context(), f.ID, "operator", ""); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: erased twice: %v", state, err)
			}
			if errs := w.runJobs(); errs != nil {
				t.Errorf("%s: its jobs: %v", state, errs)
			}
			if n := w.actions("file.erased"); n != 1 {
				t.Errorf("%s: %d audit rows", state, n)
			}
		}
	}
}

func (w *world) actions(action string) int {
	w.t.Helper()
	return len(catalogtest.Audited(w.t, w.Catalog, action))
}

func TestEraseRefuses(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.bring(w.send(a, "a.xml", []byte("x")).ID, catalog.Arriving)
	if err := w.indexer.Erase(t.Context(), f.ID, "operator", ""); !fault.Is(err, fault.Invalid) {
		t.Errorf("an arrival: %v", err)
	}
	if err := w.indexer.Erase(t.Context(), uuid.New(), "operator", ""); !fault.Is(err, fault.NotFound) {
		t.Errorf("no file: %v", err)
	}
	d := w.send(w.account("deleter", catalog.ContentDelete), "a.xml", w.sample(good))
	w.runJobs()
	if err := w.indexer.Erase(t.Context(), d.ID, "operator", ""); !fault.Is(err, fault.Invalid) || w.File(d.ID).State != catalog.Deleted {
		t.Errorf("a file whose content is gone: %v", err)
	}
}

// Somebody erases a file while it is read: it stays erased, and what was found of it
// stays on record, as its payments do.
func TestErasedWhileItIsRead(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.send(a, "a.xml", w.sample(good))
	var jobs []*catalog.Job
	w.Update(func(tx *catalog.Tx) (err error) {
		jobs, err = tx.LeaseJobs(catalog.IndexJob, "test", w.Clock.Now(), time.Minute, 1)
		return err
	})
	db, release, err := w.pool.Account(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	// Its payments are published already when it is erased.
	if err := w.indexer.Handle(t.Context(), &catalog.Job{ID: jobs[0].ID, Account: a.ID, File: f.ID, Attempt: jobs[0].Attempt, Worker: "other"}); !fault.Is(err, fault.Exists) {
		t.Fatal(err)
	}
	if err := w.indexer.Erase(t.Context(), f.ID, "operator", ""); err != nil {
		t.Fatal(err)
	}
	page, err := db.Search(t.Context(), accountdb.Query{})
	release()
	if err != nil || page.Total != 7 {
		t.Fatalf("%d payments, %v", page.Total, err)
	}
	if err := w.indexer.Handle(t.Context(), jobs[0]); err != nil {
		t.Fatal(err)
	}
	w.wantGone("erased", f)
	if row := w.File(f.ID); row.State != catalog.Erased {
		t.Errorf("it is %s", row.State)
	}
}

// customer makes a customer-held account whose key is confirmed, and returns the key.
func (w *world) customer() (*catalog.Account, *keys.AccessKey) {
	w.t.Helper()
	ctx := w.t.Context()
	a := w.account("acme", catalog.ContentKeep)
	a.Keys = catalog.KeysCustomer
	w.Update(func(tx *catalog.Tx) error { return tx.SaveAccount(a) })
	first, err := w.Keys.AccessKeys(ctx, a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	k, err := keys.NewAccessKey()
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Keys.AddAccessKey(ctx, "operator", a.ID, custody.NewKey{Public: k.Public}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Keys.Unlock(ctx, "operator", a.ID, k.Private, time.Hour); err != nil { // confirms it, too
		w.t.Fatal(err)
	}
	if err := w.Keys.Lock(ctx, "operator", a.ID); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.Keys.Remove(ctx, "operator", custody.Target{Account: a.ID, AccessKey: first[0].ID}, "acme"); err != nil {
		w.t.Fatal(err)
	}
	return a, k
}

func (w *world) jobs(id uuid.UUID) (jobs []*catalog.Job) {
	w.t.Helper()
	err := w.Catalog.View(w.t.Context(), func(tx *catalog.Tx) (err error) { jobs, err = tx.JobsOf(id); return err })
	if err != nil {
		w.t.Fatal(err)
	}
	return jobs
}

// After a restore the grants are gone: a customer's files wait in locked, without a
// job that tries for ever, until the customer lends a key.
func TestACustomersFilesWaitForTheirKey(t *testing.T) {
	w := newWorld(t)
	a, k := w.customer()
	ctx := t.Context()
	f, kept := w.send(a, "a.xml", w.sample(good)), w.send(a, "b.xml", w.sample("pain001-v09/valid-02-five-currencies.xml"))
	w.bring(kept.ID, catalog.Kept)
	w.Update(func(tx *catalog.Tx) error { return tx.DeleteGrant(f.ID) })
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	row := w.File(f.ID)
	if row.State != catalog.Locked || row.Reason != indexer.ReasonKey || len(w.jobs(f.ID)) != 0 {
		t.Errorf("it is %s, %q, with %d jobs", row.State, row.Reason, len(w.jobs(f.ID)))
	}
	if row := w.File(kept.ID); row.State != catalog.Kept || len(w.jobs(kept.ID)) != 0 {
		t.Errorf("a kept file whose key is not here is %s, with %d jobs", row.State, len(w.jobs(kept.ID)))
	}
	if err := w.indexer.Reindex(ctx, kept.ID, "operator"); !fault.Is(err, fault.Locked) {
		t.Errorf("reindex of what nobody can open: %v", err)
	}
	if err := w.indexer.Requeue(ctx); err != nil || len(w.jobs(f.ID)) != 0 {
		t.Errorf("a start queues it: %v", err)
	}

	if _, err := w.Keys.Unlock(ctx, "operator", a.ID, k.Private, time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{1, 0} { // asked for twice, it is queued once
		if n, err := w.indexer.Unlocked(ctx, a.ID); n != want || err != nil {
			t.Errorf("%d files queued, %v; want %d", n, err, want)
		}
	}
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	if row := w.File(f.ID); row.State != catalog.Kept || row.Reason != "" || row.IndexedAt.IsZero() {
		t.Errorf("unlocked it is %s, %q", row.State, row.Reason)
	}
}

func TestManyFilesAreQueuedAgain(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	w.Update(func(tx *catalog.Tx) error {
		for range 205 {
			f := &catalog.File{ID: uuid.Must(uuid.NewV7()), Account: a.ID, Direction: catalog.In, State: catalog.Locked, Keep: true}
			if err := tx.InsertFile(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err := w.indexer.Requeue(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int64
	err := w.Catalog.View(t.Context(), func(tx *catalog.Tx) (err error) { n, err = tx.CountJobs(catalog.IndexJob); return err })
	if n != 205 || err != nil {
		t.Errorf("%d jobs, %v", n, err)
	}
}

// A payment index that is lost or damaged is no fault of the file: it waits.
func TestADamagedDatabaseHoldsNoFile(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.send(a, "a.xml", w.sample(good))
	broken, err := accountdb.OpenPool(w.Dir+"/elsewhere", accountdb.Options{
		Now:      w.Clock.Now,
		Expected: func(context.Context, uuid.UUID) (bool, error) { return true, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broken.Close() })
	x := indexer.New(w.Catalog, broken, w.Bodies, w.Keys, indexer.Options{Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler)})
	for range 6 {
		var jobs []*catalog.Job
		w.Update(func(tx *catalog.Tx) (err error) {
			jobs, err = tx.LeaseJobs(catalog.IndexJob, "test", w.Clock.Now(), time.Minute, 1)
			return err
		})
		if err := x.Handle(t.Context(), jobs[0]); !fault.Is(err, fault.Damaged) {
			t.Fatal(err)
		}
		w.Update(func(tx *catalog.Tx) error { return tx.RetryJob(jobs[0], w.Clock.Now(), "") })
	}
	if row := w.File(f.ID); row.State != catalog.Received {
		t.Errorf("it is %s, %q", row.State, row.Reason)
	}
	if errs := w.runJobs(); errs != nil || w.File(f.ID).State != catalog.Kept {
		t.Errorf("once the index is there: %s, %v", w.File(f.ID).State, errs)
	}
}

// The account was closed before a file was indexed: the file waits, and goes on once
// there is a certificate again. Its grant opens it, and its name is gone.
func TestAFileOfAClosedAccountWaits(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a := w.account("acme", catalog.ContentKeep)
	f := w.send(a, "a.xml", w.sample(good))
	certs, err := w.Keys.Certificates(ctx, a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keys.Remove(ctx, "operator", custody.Target{Account: a.ID, Certificate: certs[0].Fingerprint}, "acme"); err != nil {
		t.Fatal(err)
	}
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	if row := w.File(f.ID); row.State != catalog.Locked || len(w.jobs(f.ID)) != 0 {
		t.Errorf("closed: it is %s, with %d jobs", row.State, len(w.jobs(f.ID)))
	}
	if _, err := w.Keys.RenewCertificate(ctx, "operator", a.ID); err != nil {
		t.Fatal(err)
	}
	if n, err := w.indexer.Unlocked(ctx, a.ID); n != 1 || err != nil {
		t.Errorf("%d files queued, %v", n, err)
	}
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	if o := w.object(a, f.ID); o.State != "kept" || o.Name != nil || o.PaymentCount != 7 || len(o.Sums) != 1 {
		t.Errorf("open again: %+v", o)
	}
}
