package backup

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/durable"
	"sealgate/internal/index/paygen"
	"sealgate/internal/indexer"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/logins"
	"sealgate/internal/store/vault"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/outbox"
	"sealgate/internal/transfer/vpath"
	"sealgate/internal/work"
)

var login = uuid.MustParse("01900000-0000-7000-8000-000000000001")

// gateway is all of a gateway but its doors. Its jobs are run by hand.
type gateway struct {
	*intaketest.World
	t       *testing.T
	pool    *accountdb.Pool
	indexer *indexer.Indexer
	outbox  *outbox.Outbox
}

func newGateway(t *testing.T) *gateway {
	t.Helper()
	return around(t, intaketest.New(t, nil))
}

func around(t *testing.T, w *intaketest.World) *gateway {
	t.Helper()
	g := &gateway{World: w, t: t}
	var err error
	if g.pool, err = accountdb.OpenPool(filepath.Join(w.Dir, Accounts), accountdb.Options{Now: w.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.pool.Close(); err != nil {
			t.Error(err)
		}
	})
	g.indexer = indexer.New(w.Catalog, g.pool, w.Bodies, w.Keys, indexer.Options{Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler)})
	g.outbox = outbox.New(w.Catalog, w.Bodies, w.Keys, w.Intake, w.Clock.Now)
	return g
}

// serve is a gateway on another data directory, with these keys.
func (g *gateway) serve(dir string, store *keys.Store) *gateway {
	g.t.Helper()
	w := *g.World
	w.Dir, w.Store = dir, store
	w.Catalog = catalogtest.OpenAt(g.t, filepath.Join(dir, Catalog), catalog.Options{Now: w.Clock.Now})
	var err error
	if w.Vault, err = vault.Open(durable.OS, filepath.Join(dir, Vault)); err != nil {
		g.t.Fatal(err)
	}
	w.Keys = custody.New(store, w.Catalog, "node-1", w.Clock.Now)
	if err := w.Keys.ChangeDay(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	w.Bodies = bodies.New(w.Catalog, w.Vault, w.Keys)
	w.Intake = intake.New(w.Catalog, w.Vault, w.Keys, intake.Options{Node: "node-1", Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler)})
	again := around(g.t, &w)
	w.Update(func(tx *catalog.Tx) error {
		_, err := tx.ReleaseJobs("node-1")
		return err
	})
	if err := w.SweepObjects(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	w.Sweep(g.t.Context())
	return again
}

func (g *gateway) account(name, content string) *catalog.Account {
	a := g.Account(name, content)
	g.Update(func(tx *catalog.Tx) error {
		if _, err := tx.Login(login); err == nil {
			return nil
		}
		return tx.InsertLogin(&logins.Login{ID: login, Account: a.ID, Name: []byte("x"), NameMAC: []byte("x"), Role: "uploader"})
	})
	return a
}

func (g *gateway) handlers() map[string]work.Handler {
	return map[string]work.Handler{
		catalog.IndexJob: g.indexer.Handle, indexer.AnswerJob: g.outbox.Answer, outbox.ExpireJob: g.outbox.Expire,
	}
}

// work does all jobs that are due; one that fails comes again in an hour.
func (g *gateway) work() {
	g.t.Helper()
	for {
		var due []*catalog.Job
		g.Update(func(tx *catalog.Tx) error {
			for kind := range g.handlers() {
				jobs, err := tx.LeaseJobs(kind, "node-1", g.Clock.Now(), time.Minute, 10)
				if err != nil {
					return err
				}
				due = append(due, jobs...)
			}
			return nil
		})
		if len(due) == 0 {
			return
		}
		for _, job := range due {
			if err := g.handlers()[job.Kind](context.Background(), job); err != nil {
				g.t.Logf("job %s of %s: %v", job.Kind, job.File, err)
				g.Update(func(tx *catalog.Tx) error { return tx.RetryJob(job, g.Clock.Now().Add(time.Hour), "") })
			}
		}
	}
}

func (g *gateway) send(a *catalog.Account, name string, content []byte) *catalog.File {
	g.t.Helper()
	f, err := g.Put(intaketest.Spec(a, login, "/"+name), content)
	if err != nil {
		g.t.Fatal(err)
	}
	g.Confirm(f.ID)
	return f
}

// found counts the payments of an account's search.
func (g *gateway) found(a *catalog.Account) int64 {
	g.t.Helper()
	db, release, err := g.pool.Account(context.Background(), a.ID)
	if err != nil {
		g.t.Fatal(err)
	}
	defer release()
	page, err := db.Search(context.Background(), accountdb.Query{})
	if err != nil {
		g.t.Fatal(err)
	}
	return page.Total
}

func (g *gateway) sources() Sources {
	return Sources{
		Data: g.Dir, Gateway: "node-1", Version: "test", Catalog: g.Catalog, Accounts: g.pool, Vault: g.Vault, Now: g.Clock.Now,
	}
}

func (g *gateway) backup(dest string) Summary {
	g.t.Helper()
	s, err := Make(context.Background(), g.sources(), dest, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := Verify(context.Background(), dest, true, nil); err != nil {
		g.t.Fatal(err)
	}
	return s
}

// restore makes a gateway of a backup, with keys from a backup of theirs.
func (g *gateway) restore(src string) *gateway {
	g.t.Helper()
	dir := filepath.Join(g.t.TempDir(), "new")
	if _, err := Restore(context.Background(), src, dir, nil); err != nil {
		g.t.Fatal(err)
	}
	file := filepath.Join(g.t.TempDir(), "keys.bak")
	if err := g.Store.Backup(file); err != nil {
		g.t.Fatal(err)
	}
	store, err := keys.Restore(context.Background(), file, filepath.Join(dir, Keys), keystest.Master(g.Store), keys.Options{})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(store.Close)
	return g.serve(dir, store)
}

func (g *gateway) wantState(what string, id uuid.UUID, state catalog.State, reason string) *catalog.File {
	g.t.Helper()
	f := g.File(id)
	if f.State != state || f.Reason != reason {
		g.t.Errorf("%s: it is %s, %q; want %s, %q", what, f.State, f.Reason, state, reason)
	}
	return f
}

func (g *gateway) wantContent(what string, id uuid.UUID, want []byte) {
	g.t.Helper()
	body, err := g.Bodies.Open(context.Background(), g.File(id))
	if err != nil {
		g.t.Errorf("%s: %v", what, err)
		return
	}
	defer body.Close()
	var got bytes.Buffer
	if err := body.VerifyTo(context.Background(), &got); err != nil || !bytes.Equal(got.Bytes(), want) {
		g.t.Errorf("%s: %d bytes, want %d, %v", what, got.Len(), len(want), err)
	}
}

// payments is a payment file; 500 payments are more than lies in the catalog.
func payments(t testing.TB, n, seed uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := paygen.Write(&b, paygen.Spec{Format: paygen.Pain001, Version: "03", Payments: n, Batch: 100, Seed: seed}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unfinished begins an arrival and leaves it.
func (g *gateway) unfinished(a *catalog.Account, name string, content []byte) uuid.UUID {
	g.t.Helper()
	arrival, err := g.Begin(context.Background(), intaketest.Spec(a, login, "/"+name))
	if err != nil {
		g.t.Fatal(err)
	}
	if _, err := arrival.WriteAt(content, 0); err != nil {
		g.t.Fatal(err)
	}
	if err := arrival.Sync(); err != nil {
		g.t.Fatal(err)
	}
	arrival.Abort(errors.New("the line was cut"))
	return arrival.ID()
}

func parse(p string) vpath.Path { return vpath.MustParse(p) }

// contents returns every file below dir by its name.
func contents(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(rel)], err = os.ReadFile(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
