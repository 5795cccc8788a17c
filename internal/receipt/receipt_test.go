package receipt_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/indexer"
	"sealgate/internal/receipt"
	"sealgate/internal/statement"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/outbox"
)

var login = uuid.MustParse("01900000-0000-7000-8000-000000000001")

type world struct {
	*intaketest.World
	t       *testing.T
	office  *receipt.Office
	indexer *indexer.Indexer
	box     *outbox.Outbox
	account *catalog.Account
}

func newWorld(t *testing.T) *world {
	w := &world{World: intaketest.New(t, nil), t: t}
	w.account = w.Account("acme", catalog.ContentKeep)
	w.account.Receipts = true
	w.Update(func(tx *catalog.Tx) error {
		if err := tx.SaveAccount(w.account); err != nil {
			return err
		}
		return tx.InsertLogin(&logins.Login{ID: login, Account: w.account.ID, Name: []byte("x"), NameMAC: []byte("x"), Role: "uploader"})
	})
	pool, err := accountdb.OpenPool(filepath.Join(w.Dir, "accounts"), accountdb.Options{Now: w.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	w.again()
	w.indexer = indexer.New(w.Catalog, pool, w.Bodies, w.Keys, indexer.Options{Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler)})
	return w
}

// again is what a new process begins with.
func (w *world) again() {
	w.office = receipt.New(w.Catalog, w.Keys, w.Store.Identity(), w.Clock.Now)
	w.box = outbox.New(w.Catalog, w.Bodies, w.Keys, w.Intake, w.Clock.Now)
}

func (w *world) sample(name string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "index", "testdata", "samples", name))
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) send(name string, content []byte) *catalog.File {
	w.t.Helper()
	f, err := w.Put(intaketest.Spec(w.account, login, "/"+name), content)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Confirm(f.ID)
	return f
}

// lease takes the one job of a kind that is due.
func (w *world) lease(kind string) *catalog.Job {
	w.t.Helper()
	var jobs []*catalog.Job
	w.Update(func(tx *catalog.Tx) (err error) {
		jobs, err = tx.LeaseJobs(kind, "test", w.Clock.Now(), time.Minute, 1)
		return err
	})
	if len(jobs) != 1 {
		w.t.Fatalf("%d %s jobs", len(jobs), kind)
	}
	return jobs[0]
}

func (w *world) index() {
	w.t.Helper()
	if err := w.indexer.Handle(w.t.Context(), w.lease(catalog.IndexJob)); err != nil {
		w.t.Fatal(err)
	}
}

// verified is what a note says that our identity signed.
func (w *world) verified(note []byte) *statement.Document {
	w.t.Helper()
	d, err := statement.Verify(note, statement.Fingerprint(w.Store.Identity().Public().(ed25519.PublicKey)))
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) receipt(id uuid.UUID) *statement.Receipt {
	w.t.Helper()
	note, err := w.office.Receipt(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	d := w.verified(note)
	if d.Kind != statement.KindReceipt || d.Account != "acme" || d.Receipt == nil {
		w.t.Fatalf("%+v", d)
	}
	return d.Receipt
}

const good = "pain001-v03/valid-01-suppliers-and-salaries.xml"

// lock names the keys that a file is sealed for, as the catalog has them.
func (w *world) lock(id uuid.UUID) (l *catalog.Lock) {
	w.t.Helper()
	err := w.Catalog.View(w.t.Context(), func(tx *catalog.Tx) (err error) {
		l, err = tx.Lock(w.File(id).Lock)
		return err
	})
	if err != nil || len(l.AccessKeys) == 0 || len(l.Certificates) == 0 {
		w.t.Fatalf("%+v, %v", l, err)
	}
	return l
}

func TestReceiptBeforeAndAfterIndexing(t *testing.T) {
	w := newWorld(t)
	content := w.sample(good)
	sum := sha256.Sum256(content)
	f := w.send("lön.xml", content)
	r := w.receipt(f.ID)
	if r.File != f.ID.String() || *r.Name != "lön.xml" || *r.SHA256 != hex.EncodeToString(sum[:]) || r.Size != int64(len(content)) ||
		r.Source != "sftp" || r.Direction != "in" || !r.ReceivedAt.Equal(f.ReceivedAt) || r.Index != nil {
		t.Errorf("received: %+v", r)
	}
	w.index()
	i := w.receipt(f.ID).Index
	if k := w.receipt(f.ID).SealedFor; k == nil || !slices.Equal(k.AccessKeys, w.lock(f.ID).AccessKeys) || !slices.Equal(k.Certificates, w.lock(f.ID).Certificates) {
		t.Errorf("sealed for %+v", k)
	}
	if i == nil || i.State != "kept" || *i.Format != "iso20022.pain.001" || i.PaymentCount != 7 || len(i.Sums) != 1 ||
		i.Sums[0].Minor != 10694245 || len(i.MessageIDs) != 1 || i.Findings == nil {
		t.Errorf("indexed: %+v", i)
	}
}

func TestAReceiptOutlivesTheContent(t *testing.T) {
	w := newWorld(t)
	f := w.send("a.xml", w.sample(good))
	w.index()
	if err := w.indexer.Erase(t.Context(), f.ID, "operator", ""); err != nil {
		t.Fatal(err)
	}
	if r := w.receipt(f.ID); *r.Name != "a.xml" || r.SealedFor != nil || r.Index.State != "erased" || r.Index.PaymentCount != 7 {
		t.Errorf("%+v", r)
	}
}

func TestWhatHasNoReceipt(t *testing.T) {
	w := newWorld(t)
	out, err := w.box.Send(t.Context(), w.account.ID, "report.pdf", strings.NewReader("x"), "operator", "operator")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.office.Receipt(t.Context(), out.ID); !fault.Is(err, fault.Invalid) {
		t.Errorf("a file that we sent: %v", err)
	}
	if _, err := w.office.Receipt(t.Context(), uuid.New()); !fault.Is(err, fault.NotFound) {
		t.Errorf("no file: %v", err)
	}
	half, err := w.Begin(t.Context(), intaketest.Spec(w.account, login, "/half.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := half.WriteAt(make([]byte, 300_000), 0); err != nil {
		t.Fatal(err)
	}
	if err := half.Sync(); err != nil {
		t.Fatal(err)
	}
	for _, f := range w.Files() {
		if f.State != catalog.Arriving {
			continue
		}
		if _, err := w.office.Receipt(t.Context(), f.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("an arrival: %v", err)
		}
	}
	half.Abort(io.EOF)
}

// The record key was destroyed: the receipt says what can still be said.
func TestAReceiptWithoutTheRecordKey(t *testing.T) {
	w := newWorld(t)
	f := w.send("a.xml", w.sample(good))
	w.index()
	certs, err := w.Keys.Certificates(t.Context(), w.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keys.Remove(t.Context(), "operator", custody.Target{Account: w.account.ID, Certificate: certs[0].Fingerprint}, "acme"); err != nil {
		t.Fatal(err)
	}
	check := func(what string) {
		r := w.receipt(f.ID)
		if r.Name != nil || r.SHA256 != nil || r.Size == 0 || r.Index == nil || r.Index.PaymentCount != 7 ||
			r.Index.Sums != nil || r.Index.Findings != nil || r.Index.MessageIDs != nil || *r.Index.Format != "iso20022.pain.001" {
			t.Errorf("%s: %+v, %+v", what, r, r.Index)
		}
	}
	check("closed")
	if _, err := w.Keys.RenewCertificate(t.Context(), "operator", w.account.ID); err != nil {
		t.Fatal(err)
	}
	check("open again")
}

// inOutbox returns the receipts in the outbox, the oldest first.
func (w *world) inOutbox() (all []*statement.Document, names []string) {
	w.t.Helper()
	items, err := w.box.Waiting(w.t.Context(), w.account.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, i := range items {
		if strings.Contains(i.Name, ".receipt.") {
			all, names = append(all, w.verified(w.Read(i.File))), append(names, i.Name)
		}
	}
	return all, names
}

func TestReceiptsComeIntoTheOutbox(t *testing.T) {
	w := newWorld(t)
	ok, bad := w.send("lön.xml", w.sample(good)), w.send("bad.xml", w.sample("pain001-v03/bad-05-entity-bomb.xml"))
	for range 2 {
		w.index()
		if err := w.office.Put(w.box)(t.Context(), w.lease(indexer.ReceiptJob)); err != nil {
			t.Fatal(err)
		}
	}
	all, names := w.inOutbox()
	if len(all) != 2 || names[0] != "lön.xml."+ok.ID.String()+".receipt.json" || names[1] != "bad.xml."+bad.ID.String()+".receipt.json" {
		t.Fatal(names)
	}
	if all[0].Receipt.Index.State != "kept" || all[1].Receipt.Index.State != "refused" || len(all[1].Receipt.Index.Findings) != 1 {
		t.Errorf("%+v, %+v", all[0].Receipt.Index, all[1].Receipt.Index)
	}

	w.account.Receipts = false
	w.Update(func(tx *catalog.Tx) error { return tx.SaveAccount(w.account) })
	w.send("quiet.xml", []byte("x"))
	w.Update(func(tx *catalog.Tx) error { // the indexing of what was put into the outbox
		jobs, err := tx.LeaseJobs(catalog.IndexJob, "test", w.Clock.Now(), time.Minute, 10)
		for _, j := range jobs {
			if err == nil && w.File(j.File).Direction == catalog.Out {
				err = tx.FinishJob(j)
			} else if err == nil {
				err = tx.RetryJob(j, w.Clock.Now(), "")
			}
		}
		return err
	})
	w.index()
	err := w.Catalog.View(t.Context(), func(tx *catalog.Tx) error {
		n, err := tx.CountJobs(indexer.ReceiptJob)
		if n != 0 {
			t.Errorf("%d receipts for an account that asks for none", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whichever commit of the job fails, stored or not, there is one receipt in the end,
// and one more when the file is indexed again.
func TestOneReceiptForEachIndexing(t *testing.T) {
	for _, stored := range []bool{false, true} {
		for nth := range 2 {
			w := newWorld(t)
			f := w.send("a.xml", w.sample(good))
			w.index()
			job := w.lease(indexer.ReceiptJob)
			w.Faults.Skip(nth)
			w.Faults.FailNext(stored)
			if err := w.office.Put(w.box)(context.Background(), job); err == nil {
				t.Fatalf("commit %d did not fail", nth)
			}
			w.World = w.Reopened()
			w.again()
			w.Clock.Add(time.Hour)
			var jobs []*catalog.Job
			w.Update(func(tx *catalog.Tx) (err error) {
				if _, err = tx.ReapJobs(w.Clock.Now()); err != nil {
					return err
				}
				jobs, err = tx.LeaseJobs(indexer.ReceiptJob, "test", w.Clock.Now(), time.Minute, 1)
				return err
			})
			for _, j := range jobs {
				if err := w.office.Put(w.box)(t.Context(), j); err != nil {
					t.Fatal(err)
				}
			}
			if all, names := w.inOutbox(); len(all) != 1 {
				t.Errorf("commit %d, stored %v: %v", nth, stored, names)
			}
			w.Update(func(tx *catalog.Tx) error {
				row, err := tx.File(f.ID)
				if err != nil {
					return err
				}
				row.IndexedAt = w.Clock.Now()
				if err := tx.SaveFile(row); err != nil {
					return err
				}
				return tx.AddJob(&catalog.Job{Kind: indexer.ReceiptJob, Account: f.Account, File: f.ID, RunAt: w.Clock.Now()})
			})
			if err := w.office.Put(w.box)(t.Context(), w.lease(indexer.ReceiptJob)); err != nil {
				t.Fatal(err)
			}
			if all, names := w.inOutbox(); len(all) != 2 {
				t.Errorf("commit %d, stored %v, indexed again: %v", nth, stored, names)
			}
		}
	}
}

// Nobody fetches what an account that is closed or gone would have got.
func TestReceiptsOfAnAccountThatIsGone(t *testing.T) {
	w := newWorld(t)
	w.send("a.xml", w.sample(good))
	w.index()
	job := w.lease(indexer.ReceiptJob)
	w.Update(func(tx *catalog.Tx) error { return tx.DeleteAccount(w.account.ID) })
	if err := w.office.Put(w.box)(t.Context(), job); err != nil {
		t.Error(err)
	}
}

func TestStatementOfErasure(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	f := w.send("a.xml", w.sample(good))
	w.index()
	if _, err := w.office.Erasure(ctx, "operator", f.ID); !fault.Is(err, fault.Invalid) {
		t.Errorf("while it has its content: %v", err)
	}
	if err := w.indexer.Erase(ctx, f.ID, "operator", ""); err != nil {
		t.Fatal(err)
	}
	first, err := w.office.Erasure(ctx, "operator", f.ID)
	if err != nil {
		t.Fatal(err)
	}
	d := w.verified(first.Text)
	e := d.Erasure
	if d.Kind != statement.KindErased || d.ID != first.ID.String() || e == nil || e.File != f.ID.String() || e.Reason != indexer.ReasonErased ||
		!e.ErasedAt.Equal(w.File(f.ID).EndedAt) || !strings.Contains(e.Sentence, "or the access key that it was sealed under") {
		t.Errorf("%+v, %+v", d, e)
	}
	w.Clock.Add(time.Hour)
	again, err := w.office.Erasure(ctx, "somebody", f.ID)
	if err != nil || string(again.Text) != string(first.Text) {
		t.Errorf("asked for twice: %v", err)
	}
	err = w.Catalog.View(ctx, func(tx *catalog.Tx) error {
		all, err := tx.Statements(w.account.ID, 0)
		if len(all) != 1 || all[0].Kind != statement.KindErased || !all[0].Signed {
			t.Errorf("%d statements on record", len(all))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A file of an account that deletes was sealed under a key that lives one day.
func TestStatementOfDeletion(t *testing.T) {
	w := newWorld(t)
	w.account = w.Account("deleter", catalog.ContentDelete)
	f := w.send("a.xml", w.sample(good))
	w.index()
	s, err := w.office.Erasure(t.Context(), "operator", f.ID)
	if err != nil {
		t.Fatal(err)
	}
	if e := w.verified(s.Text).Erasure; e.Reason != "policy" || !strings.Contains(e.Sentence, "key of that day") {
		t.Errorf("%+v", e)
	}
}

func TestObjectWithoutKeys(t *testing.T) {
	w := newWorld(t)
	f := w.send("a.xml", w.sample(good))
	w.index()
	row := w.File(f.ID)
	o := fileobject.Of(nil, "acme", row)
	if o.Name != nil || o.Shown() != fileobject.Unreadable || o.SHA256 != nil || o.PaymentCount != 7 || o.Findings == nil || o.State != "kept" {
		t.Errorf("%+v", o)
	}
	rec, err := w.Keys.Records(t.Context(), w.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	row.Name[len(row.Name)-1] ^= 1 // somebody changed it
	if o := fileobject.Of(rec, "acme", row); o.Name != nil || o.SHA256 == nil || len(o.Sums) != 1 {
		t.Errorf("one damaged column: %+v", o)
	}
}
