package indexer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/indexer"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/outbox"
	"sealgate/internal/work"
)

var login = uuid.MustParse("01900000-0000-7000-8000-000000000001")

// world is an indexer with everything around it. Its jobs are run by hand.
type world struct {
	*intaketest.World
	t       *testing.T
	pool    *accountdb.Pool
	indexer *indexer.Indexer
	outbox  *outbox.Outbox
}

func newWorld(t *testing.T) *world {
	w := &world{World: intaketest.New(t, nil), t: t}
	var err error
	w.pool, err = accountdb.OpenPool(filepath.Join(w.Dir, "accounts"), accountdb.Options{Now: w.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.pool.Close() })
	w.indexer = indexer.New(w.Catalog, w.pool, w.Bodies, w.Keys, indexer.Options{
		Now: w.Clock.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	w.outbox = outbox.New(w.Catalog, w.Bodies, w.Keys, w.Intake, w.Clock.Now)
	return w
}

func (w *world) account(name, content string) *catalog.Account {
	a := w.Account(name, content)
	w.Update(func(tx *catalog.Tx) error {
		_, err := tx.Login(login)
		if fault.Is(err, fault.NotFound) {
			return tx.InsertLogin(&logins.Login{ID: login, Account: a.ID, Name: []byte("x"), NameMAC: []byte("x"), Role: "uploader"})
		}
		return err
	})
	return a
}

func (w *world) handlers() map[string]work.Handler {
	return map[string]work.Handler{
		catalog.IndexJob: w.indexer.Handle, indexer.AnswerJob: w.outbox.Answer, outbox.ExpireJob: w.outbox.Expire,
	}
}

// runJobs does all jobs that are due, and returns the errors of those that failed.
func (w *world) runJobs() (failed []error) {
	w.t.Helper()
	for {
		var due []*catalog.Job
		w.Update(func(tx *catalog.Tx) error {
			due = nil
			for kind := range w.handlers() {
				jobs, err := tx.LeaseJobs(kind, "test", w.Clock.Now(), time.Minute, 10)
				if err != nil {
					return err
				}
				due = append(due, jobs...)
			}
			return nil
		})
		if len(due) == 0 {
			return failed
		}
		for _, job := range due {
			if err := w.handlers()[job.Kind](context.Background(), job); err != nil {
				failed = append(failed, err)
				w.Update(func(tx *catalog.Tx) error { return tx.RetryJob(job, w.Clock.Now().Add(time.Hour), "") })
			}
		}
	}
}

func (w *world) sample(name string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "index", "testdata", "samples", name))
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) send(a *catalog.Account, name string, content []byte) *catalog.File {
	w.t.Helper()
	f, err := w.Put(intaketest.Spec(a, login, "/"+name), content)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Confirm(f.ID)
	return f
}

func (w *world) object(a *catalog.Account, id uuid.UUID) fileobject.Object {
	w.t.Helper()
	rec, err := w.Keys.Records(context.Background(), a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return fileobject.Of(rec, a.Name, w.File(id))
}

const good = "pain001-v03/valid-01-suppliers-and-salaries.xml"

func TestKeepAndDelete(t *testing.T) {
	w := newWorld(t)
	content := w.sample(good)
	keep, del := w.account("keeper", catalog.ContentKeep), w.account("deleter", catalog.ContentDelete)
	k, d := w.send(keep, "a.xml", content), w.send(del, "a.xml", content)
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	row := w.File(k.ID)
	if row.State != catalog.Kept || row.Grant.Key != "" || !bytes.Equal(w.Read(row), content) {
		t.Errorf("kept file: state %s, grant %q", row.State, row.Grant.Key)
	}
	row = w.File(d.ID)
	if row.State != catalog.Deleted || row.Grant.Key != "" || row.Body.Kind != catalog.NoBody {
		t.Errorf("deleted file: state %s, grant %q, body %s", row.State, row.Grant.Key, row.Body.Kind)
	}
	if _, err := w.Bodies.Open(t.Context(), row); !fault.Is(err, fault.NotFound) {
		t.Errorf("content of a deleted file: %v", err)
	}
	o := w.object(del, d.ID)
	if o.PaymentCount != 7 || len(o.Sums) != 1 || o.Sums[0].Minor != 10694245 || *o.Format != "iso20022.pain.001" {
		t.Errorf("the index does not stay: %+v", o)
	}
}

// The order of deliveries of the duplicate checks.
func TestScenario(t *testing.T) {
	w := newWorld(t)
	var steps []struct {
		Step     int
		Account  string
		File     string
		Outcome  string
		Findings []struct{ Code string }
	}
	if err := json.Unmarshal(w.sample("sequence/scenario.json"), &steps); err != nil {
		t.Fatal(err)
	}
	accounts := map[string]*catalog.Account{}
	for _, s := range steps {
		a := accounts[s.Account]
		if a == nil {
			a = w.account("acc-"+s.Account, catalog.ContentKeep)
			accounts[s.Account] = a
		}
		f := w.send(a, filepath.Base(s.File), w.sample(filepath.Join("sequence", s.File)))
		if errs := w.runJobs(); errs != nil {
			t.Fatal(errs)
		}
		o := w.object(a, f.ID)
		want := map[string]string{"indexed": "kept", "held": "held", "refused": "refused"}[s.Outcome]
		var codes []string
		for _, f := range o.Findings {
			if f.Severity != "info" {
				codes = append(codes, string(f.Code))
			}
		}
		var expect []string
		for _, f := range s.Findings {
			expect = append(expect, f.Code)
		}
		if o.State != want || strings.Join(codes, " ") != strings.Join(expect, " ") {
			t.Errorf("step %d: %s %v, want %s %v", s.Step, o.State, codes, want, expect)
		}
	}
}

func TestHeldIsAnsweredAndReleased(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.send(a, "lön.xml", w.sample("pain001-v03/bad-01-group-control-sum.xml"))
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	if o := w.object(a, f.ID); o.State != "held" || o.PaymentCount != 7 {
		t.Fatalf("it is %s with %d payments", o.State, o.PaymentCount)
	}
	items, err := w.outbox.Waiting(t.Context(), a.ID)
	if err != nil || len(items) != 1 || items[0].Name != "lön.xml."+f.ID.String()+".answer.json" {
		t.Fatalf("the outbox holds %v, %v", items, err)
	}
	var answer fileobject.Object
	if err := json.Unmarshal(w.Read(items[0].File), &answer); err != nil || answer.ID != f.ID.String() || answer.State != "held" {
		t.Errorf("the answer says %+v, %v", answer, err)
	}
	if err := w.indexer.Release(t.Context(), f.ID, "operator"); err != nil {
		t.Fatal(err)
	}
	if o := w.object(a, f.ID); o.State != "kept" || *o.Reason != "released" {
		t.Errorf("released it is %s", o.State)
	}
	if err := w.indexer.Release(t.Context(), f.ID, "operator"); !fault.Is(err, fault.Invalid) {
		t.Errorf("released twice: %v", err)
	}
	again := w.send(a, "lön2.xml", w.sample("pain001-v03/bad-01-group-control-sum.xml"))
	w.runJobs()
	found := false
	for _, fi := range w.object(a, again.ID).Findings {
		found = found || fi.Code == "duplicate-file"
	}
	if !found {
		t.Error("released bytes do not count as taken")
	}
}

func TestRefusedAndErased(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.send(a, "bomb.xml", w.sample("pain001-v03/bad-05-entity-bomb.xml"))
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	if o := w.object(a, f.ID); o.State != "refused" || o.PaymentCount != 0 || len(o.Findings) != 1 {
		t.Fatalf("it is %s: %+v", o.State, o.Findings)
	}
	if w.File(f.ID).Grant.Key == "" {
		t.Error("a refused file lost its grant before a person decided")
	}
	if err := w.indexer.Reindex(t.Context(), f.ID, "operator"); err != nil {
		t.Fatal(err)
	}
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	if err := w.indexer.Erase(t.Context(), f.ID, "operator", ""); err != nil {
		t.Fatal(err)
	}
	row := w.File(f.ID)
	if row.State != catalog.Erased || row.Grant.Key != "" || row.Body.Kind != catalog.NoBody {
		t.Errorf("erased it is %s with grant %q, body %s", row.State, row.Grant.Key, row.Body.Kind)
	}
}

// A worker dies between the account database's commit and the catalog's: the
// next one goes on from there, and nothing is there twice.
func TestCrashBetweenTheTwoCommits(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.send(a, "a.xml", w.sample(good))
	lease := func() *catalog.Job {
		var jobs []*catalog.Job
		w.Update(func(tx *catalog.Tx) (err error) {
			jobs, err = tx.LeaseJobs(catalog.IndexJob, "w1", w.Clock.Now(), time.Minute, 1)
			return err
		})
		return jobs[0]
	}
	first := lease()
	w.Clock.Add(2 * time.Minute) // its lease lapses while it works
	w.Update(func(tx *catalog.Tx) error { _, err := tx.ReapJobs(w.Clock.Now()); return err })
	second := lease()
	if err := w.indexer.Handle(t.Context(), first); !fault.Is(err, fault.Exists) {
		t.Errorf("the stale worker: %v", err)
	}
	if got := w.File(f.ID).State; got != catalog.Received {
		t.Errorf("the stale worker brought the file to %s", got)
	}
	if err := w.indexer.Handle(t.Context(), second); err != nil {
		t.Fatal(err)
	}
	if row := w.File(f.ID); row.State != catalog.Kept || row.Fence != second.Attempt {
		t.Errorf("it is %s, fence %d", row.State, row.Fence)
	}
	db, release, err := w.pool.Account(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	page, err := db.Search(t.Context(), accountdb.Query{})
	if err != nil || page.Total != 7 {
		t.Errorf("%d payments in the index, %v", page.Total, err)
	}
}

func TestAFileToDeleteIsLostWithItsIngestKey(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentDelete)
	f := w.send(a, "a.xml", w.sample(good))
	g := w.send(a, "b.xml", w.sample("pain001-v09/valid-02-five-currencies.xml"))
	w.Update(func(tx *catalog.Tx) error { // what a restore finds
		if err := tx.DeleteGrant(f.ID); err != nil {
			return err
		}
		return tx.PutGrant(g.ID, catalog.Grant{Key: strings.Repeat("ab", 32), Data: []byte("of a key that is gone")})
	})
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	for _, id := range []uuid.UUID{f.ID, g.ID} {
		row := w.File(id)
		if row.State != catalog.Erased || row.Reason != indexer.ReasonLost || row.Grant.Key != "" {
			t.Errorf("it is %s, %q, grant %q", row.State, row.Reason, row.Grant.Key)
		}
	}
}

// A gateway-held account that keeps reads its files without a grant.
func TestKeptAccountIsIndexedWithoutAGrant(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	f := w.send(a, "a.xml", w.sample(good))
	w.Update(func(tx *catalog.Tx) error { return tx.DeleteGrant(f.ID) })
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	if row := w.File(f.ID); row.State != catalog.Kept {
		t.Errorf("it is %s", row.State)
	}
}

func TestOutbox(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentDelete)
	var sent []*catalog.File
	for _, text := range []string{"one", "two"} {
		f, err := w.outbox.Send(t.Context(), a.ID, "report.pdf", strings.NewReader(text), "operator", "operator")
		if err != nil {
			t.Fatal(err)
		}
		sent = append(sent, f)
	}
	if errs := w.runJobs(); errs != nil {
		t.Fatal(errs)
	}
	items, err := w.outbox.Waiting(t.Context(), a.ID)
	if err != nil || len(items) != 2 || items[0].Name != "report.pdf" || items[1].Name != "report.2.pdf" {
		t.Fatalf("%v, %v", items, err)
	}
	for i, name := range []string{"report.pdf", "report.2.pdf"} {
		f, err := w.outbox.FindWaiting(t.Context(), a.ID, name)
		if err != nil || f.ID != sent[i].ID {
			t.Errorf("%s is %v, %v", name, f, err)
		}
	}
	if o := w.object(a, sent[0].ID); o.State != "waiting" || len(o.Findings) != 0 || o.Format != nil {
		t.Errorf("an outward file of no known format: %+v", o)
	}
	if err := w.outbox.Delivered(t.Context(), sent[0].ID, login.String()); err != nil {
		t.Fatal(err)
	}
	row := w.File(sent[0].ID)
	if row.State != catalog.Delivered || row.Grant.Key != "" || row.Body.Kind == catalog.NoBody {
		t.Errorf("delivered: %s, grant %q, body %s", row.State, row.Grant.Key, row.Body.Kind)
	}
	w.Clock.Add(31 * 24 * time.Hour)
	w.runJobs()
	if row := w.File(sent[0].ID); row.State != catalog.Delivered || row.Body.Kind != catalog.NoBody {
		t.Errorf("after 31 days: %s, body %s", row.State, row.Body.Kind)
	}
	if w.File(sent[1].ID).State != catalog.Waiting {
		t.Error("the other file does not wait any more")
	}
}
