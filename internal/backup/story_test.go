package backup

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/indexer"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// A gateway with files in every state is lost with its machine. What its backup
// and the copy of its keys bring back is all that can be read by anybody, and
// what cannot is said to be lost.
func TestALostMachine(t *testing.T) {
	g := newGateway(t)
	keep, del := g.account("keeper", catalog.ContentKeep), g.account("deleter", catalog.ContentDelete)
	small, large := payments(t, 3, 1), payments(t, 500, 2)

	keptLarge, deletedLarge := g.send(keep, "large.xml", large), g.send(del, "large.xml", large)
	g.work()
	g.Sweep(t.Context()) // moves small kept bodies to the vault; what comes now stays in the catalog
	keptSmall, deleted := g.send(keep, "small.xml", small), g.send(del, "small.xml", small)
	g.work()
	heldKeep, heldDel := g.send(keep, "again.xml", large), g.send(del, "again.xml", large)
	refused := g.send(keep, "torn.xml", large[:len(large)/2])
	g.work()
	waiting, err := g.outbox.Send(t.Context(), keep.ID, "report.pdf", bytes.NewReader(large), "operator", "operator")
	if err != nil {
		t.Fatal(err)
	}
	g.work()
	before := map[*catalog.Account]int64{keep: g.found(keep), del: g.found(del)}

	newKeep, newSmall := g.send(keep, "new.xml", payments(t, 500, 3)), g.send(keep, "new-small.xml", payments(t, 4, 4))
	newDel, newSmallDel := g.send(del, "new.xml", payments(t, 500, 3)), g.send(del, "new-small.xml", payments(t, 4, 4))
	renamed := g.send(del, "late.xml.filepart", payments(t, 500, 5))
	arriving := g.unfinished(keep, "cut.xml", payments(t, 900, 6))
	arrivingSmall := g.unfinished(keep, "cut-small.xml", []byte("<?xml"))
	g.Update(func(tx *catalog.Tx) error { // a worker of this gateway has begun
		_, err := tx.LeaseJobs(catalog.IndexJob, "node-1", g.Clock.Now(), 15*time.Minute, 2)
		return err
	})
	rows := len(g.Files())

	dest := filepath.Join(t.TempDir(), "backup")
	if s := g.backup(dest); s.Missing != 0 || s.Accounts != 2 {
		t.Errorf("%+v", s)
	}
	g.Clock.Add(3 * 24 * time.Hour)
	r := g.restore(dest)
	if n := len(r.Files()); n != rows {
		t.Errorf("%d files on record, there were %d", n, rows)
	}
	r.work()

	r.wantState("kept in the vault", keptLarge.ID, catalog.Kept, "")
	r.wantContent("kept in the vault", keptLarge.ID, large)
	r.wantState("kept in the catalog", keptSmall.ID, catalog.Kept, "")
	r.wantContent("kept in the catalog", keptSmall.ID, small)
	r.wantState("deleted", deleted.ID, catalog.Deleted, "")
	r.wantState("deleted", deletedLarge.ID, catalog.Deleted, "")
	r.wantState("held, kept", heldKeep.ID, catalog.Held, "")
	r.wantContent("held, kept", heldKeep.ID, large)
	r.wantState("held, to be deleted", heldDel.ID, catalog.Held, "")
	r.wantState("refused", refused.ID, catalog.Refused, "")
	r.wantContent("refused", refused.ID, large[:len(large)/2])
	r.wantState("waiting", waiting.ID, catalog.Waiting, "")
	r.wantContent("waiting", waiting.ID, large)
	r.wantState("received, kept", newKeep.ID, catalog.Kept, "")
	r.wantContent("received, kept", newKeep.ID, payments(t, 500, 3))
	r.wantState("received, small, kept", newSmall.ID, catalog.Kept, "")
	r.wantContent("received, small, kept", newSmall.ID, payments(t, 4, 4))
	for what, f := range map[string]*catalog.File{"received": newDel, "received, small": newSmallDel} {
		if row := r.wantState(what, f.ID, catalog.Erased, indexer.ReasonLost); row.Grant.Key != "" || row.Body.Kind != catalog.NoBody {
			t.Errorf("%s: it has a grant for %q and a body %s", what, row.Grant.Key, row.Body.Kind)
		}
	}
	if n := r.found(del); n != before[del] {
		t.Errorf("%d payments of the deleting account, there were %d", n, before[del])
	}
	if n := r.found(keep); n != before[keep]+500+4 {
		t.Errorf("%d payments of the keeping account, there were %d and 504 have come", n, before[keep])
	}

	t.Run("a person decides", func(t *testing.T) {
		if err := r.indexer.Release(t.Context(), heldDel.ID, "operator"); err != nil {
			t.Error(err)
		}
		r.wantState("released", heldDel.ID, catalog.Deleted, indexer.ReasonReleased)
		if err := r.outbox.Delivered(t.Context(), waiting.ID, "operator"); err != nil {
			t.Error(err)
		}
		if err := r.indexer.Release(t.Context(), heldKeep.ID, "operator"); err != nil {
			t.Error(err)
		}
		r.wantContent("released, kept", heldKeep.ID, large)
	})
	t.Run("a rename that comes late", func(t *testing.T) {
		// Its key is gone, so the body cannot be given its end: the client hears
		// it, and sends the file again.
		err := r.Inbox(del.ID, login).Rename(t.Context(), parse("/late.xml.filepart"), parse("/late.xml"), false)
		if !fault.Is(err, fault.Locked) {
			t.Error(err)
		}
		if f := r.File(renamed.ID); f.State != catalog.WaitingRename {
			t.Errorf("it is %s", f.State)
		}
	})
	t.Run("a client that goes on", func(t *testing.T) {
		for name, id := range map[string]string{"cut.xml": arriving.String(), "cut-small.xml": arrivingSmall.String()} {
			a, err := r.Resume(t.Context(), intaketest.Spec(keep, login, "/"+name))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if n := a.Durable(); n != 0 || a.ID().String() == id {
				t.Errorf("%s: %d bytes are said to be there, of %s", name, n, a.ID())
			}
			if _, err := a.WriteAt(payments(t, 900, 6), 0); err != nil {
				t.Error(err)
			}
			if _, err := a.Commit(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("and takes new files", func(t *testing.T) {
		f := r.send(del, "next.xml", payments(t, 600, 9))
		r.work()
		r.wantState("new", f.ID, catalog.Deleted, "")
	})
	if err := r.SweepObjects(t.Context()); err != nil {
		t.Error(err)
	}
	wantVaultAsOnRecord(t, r)
	wantAuditWhole(t, r)
}

// The data is lost and the keys are not, and the day is not over: nothing is lost.
func TestTheSameKeysOnTheSameDay(t *testing.T) {
	g := newGateway(t)
	del := g.account("deleter", catalog.ContentDelete)
	f := g.send(del, "a.xml", payments(t, 500, 1))
	dest := filepath.Join(t.TempDir(), "backup")
	g.backup(dest)
	dir := filepath.Join(t.TempDir(), "new")
	if _, err := Restore(t.Context(), dest, dir, nil); err != nil {
		t.Fatal(err)
	}
	r := g.serve(dir, g.Store)
	r.work()
	r.wantState("received", f.ID, catalog.Deleted, "")
	if n := r.found(del); n != 500 {
		t.Errorf("%d payments", n)
	}
}

// wantVaultAsOnRecord compares the vault with the files that were acknowledged.
func wantVaultAsOnRecord(t *testing.T, g *gateway) {
	t.Helper()
	want := map[string]bool{}
	for _, f := range g.Files() {
		if f.Body.Kind == catalog.VaultBody && f.State != catalog.Arriving {
			want[f.Body.Ref] = true
		}
	}
	err := g.Vault.Each(context.Background(), func(ref string) error {
		if !want[ref] {
			t.Errorf("the vault has %s, which no file refers to", ref)
		}
		delete(want, ref)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for ref := range want {
		t.Errorf("the vault lacks %s", ref)
	}
}

func wantAuditWhole(t *testing.T, g *gateway) {
	t.Helper()
	signer, err := audit.NewSigner(g.Store.Identity())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Catalog.Sequence(t.Context(), signer); err != nil {
		t.Error(err)
	}
}

// meanwhile is a catalog during whose copying something happens.
type meanwhile struct {
	*catalog.Catalog
	before, after func()
}

func (m meanwhile) CopyTo(ctx context.Context, path string) error {
	m.before()
	err := m.Catalog.CopyTo(ctx, path)
	m.after()
	return err
}

// Files arrive, are indexed, kept and deleted while a backup is made. What its
// catalog says of each is true of what is restored with it: no payments without
// their file, no indexed file without its payments, no body missing.
func TestWhatHappensMeanwhile(t *testing.T) {
	g := newGateway(t)
	keep, del := g.account("keeper", catalog.ContentKeep), g.account("deleter", catalog.ContentDelete)
	kept := g.send(keep, "kept.xml", payments(t, 500, 1))
	g.work()
	indexedBefore := g.send(del, "a.xml", payments(t, 500, 2))
	indexedAfter := g.send(del, "b.xml", payments(t, 500, 3))
	var came, tooLate *catalog.File
	src := g.sources()
	src.Catalog = meanwhile{
		g.Catalog,
		func() {
			g.workOn(indexedBefore)
			came = g.send(keep, "came.xml", payments(t, 500, 4))
		},
		func() {
			g.work()
			tooLate = g.send(del, "late.xml", payments(t, 500, 5))
			g.work()
		},
	}
	dest := filepath.Join(t.TempDir(), "backup")
	if s, err := Make(t.Context(), src, dest, nil); err != nil || s.Missing != 0 {
		t.Fatalf("%+v, %v", s, err)
	}
	g.Clock.Add(48 * time.Hour)
	r := g.restore(dest)
	if n := r.found(del); n != 1000 {
		t.Errorf("before its jobs run, the restored gateway finds %d payments of the deleting account; want those of the two files that are on record", n)
	}
	r.work()
	r.wantState("kept", kept.ID, catalog.Kept, "")
	r.wantState("indexed before the catalog was copied", indexedBefore.ID, catalog.Deleted, "")
	r.wantState("indexed after the catalog was copied", indexedAfter.ID, catalog.Deleted, "")
	r.wantState("came before the catalog was copied", came.ID, catalog.Kept, "")
	r.wantContent("came before the catalog was copied", came.ID, payments(t, 500, 4))
	err := r.Catalog.View(t.Context(), func(tx *catalog.Tx) error {
		_, err := tx.File(tooLate.ID)
		return err
	})
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("came after the catalog was copied: %v", err)
	}
	again := r.send(del, "late.xml", payments(t, 500, 5)) // its sender hears that it was lost
	r.work()
	r.wantState("sent again", again.ID, catalog.Deleted, "")
	if n := r.found(del); n != 1500 {
		t.Errorf("%d payments of the deleting account", n)
	}
	wantVaultAsOnRecord(t, r)
}

// workOn indexes one file.
func (g *gateway) workOn(f *catalog.File) {
	g.t.Helper()
	var jobs []*catalog.Job
	g.Update(func(tx *catalog.Tx) (err error) {
		jobs, err = tx.LeaseJobs(catalog.IndexJob, "node-1", g.Clock.Now(), time.Minute, 1)
		return err
	})
	if len(jobs) != 1 || jobs[0].File != f.ID {
		g.t.Fatalf("the next job is not that of %s", f.ID)
	}
	if err := g.indexer.Handle(context.Background(), jobs[0]); err != nil {
		g.t.Fatal(err)
	}
}

// No key is in a backup, and none of what the gateway had deleted before: no
// grant, no body, no payment.
func TestWhatIsNotInABackup(t *testing.T) {
	g := newGateway(t)
	del := g.account("deleter", catalog.ContentDelete)
	var gone [][]byte
	for i := range 40 {
		f := g.send(del, "a.xml", payments(t, 3, uint64(i)+1))
		grant := g.File(f.ID).Grant
		gone = append(gone, grant.Data)
		g.Update(func(tx *catalog.Tx) error {
			body, err := tx.Inline(f.ID)
			gone = append(gone, body[len(body)/2:][:64])
			return err
		})
	}
	g.work()
	dest := filepath.Join(t.TempDir(), "backup")
	g.backup(dest)
	for name, text := range contents(t, dest) {
		for _, secret := range gone {
			if bytes.Contains(text, secret) {
				t.Fatalf("%s holds what was deleted", name)
			}
		}
		if !wellPlaced(name) && name != manifestFile {
			t.Errorf("%s is in the backup", name)
		}
		if strings.HasSuffix(name, ".db") && bytes.Contains(text, []byte("a.xml")) {
			t.Errorf("%s holds a file name", name)
		}
	}
}
