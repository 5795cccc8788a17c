package backup

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/indexer"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/stored"
	"sealgate/internal/store/vault"
)

// kept is a gateway with two kept bodies in the vault and a deleted file.
func kept(t *testing.T) (g *gateway, keep *catalog.Account) {
	t.Helper()
	g = newGateway(t)
	keep = g.account("keeper", catalog.ContentKeep)
	g.send(keep, "a.xml", payments(t, 400, 1))
	g.send(keep, "b.xml", payments(t, 401, 2))
	g.work()
	return g, keep
}

// onDisk counts what is created on a disk.
type onDisk struct {
	durable.FS
	mu      sync.Mutex
	created []string
	synced  map[string]bool // directories
}

func (d *onDisk) SyncDir(name string) error {
	d.mu.Lock()
	d.synced[name] = true
	d.mu.Unlock()
	return d.FS.SyncDir(name)
}

func (d *onDisk) Create(name string) (durable.File, error) {
	d.mu.Lock()
	d.created = append(d.created, filepath.Base(name))
	d.mu.Unlock()
	return d.FS.Create(name)
}

func (d *onDisk) bodies() (n int) {
	for _, name := range d.created {
		if len(name) == 64+len(durable.TempSuffix) {
			n++
		}
	}
	return n
}

func TestOnlyWhatIsNewIsCopied(t *testing.T) {
	g, keep := kept(t)
	dest := filepath.Join(t.TempDir(), "backup")
	first := g.backup(dest)
	f := g.send(keep, "c.xml", payments(t, 402, 3))
	g.work()
	old := g.Files()[2]
	if err := g.indexer.Erase(t.Context(), old.ID, "operator", ""); err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(dest, filepath.FromSlash(bodyName(old.Body.Ref))+durable.TempSuffix)
	own := filepath.Join(dest, "READ ME.txt")
	for _, name := range []string{leftover, own} {
		if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	disk := &onDisk{FS: durable.OS, synced: map[string]bool{}}
	src := g.sources()
	src.fs = disk
	second, err := Make(t.Context(), src, dest, nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.Bodies != 2 || second.Bodies != 2 || disk.bodies() != 1 {
		t.Errorf("%d bodies, then %d, of which %d were copied; want 2, 2, 1", first.Bodies, second.Bodies, disk.bodies())
	}
	if _, err := Verify(t.Context(), dest, true, nil); err != nil {
		t.Error(err)
	}
	for _, gone := range []string{leftover, filepath.Join(dest, filepath.FromSlash(bodyName(old.Body.Ref))), filepath.Join(dest, unfinishedFile)} {
		if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", gone, err)
		}
	}
	if _, err := os.Stat(own); err != nil {
		t.Error("a file that is none of the backup's was removed")
	}
	r := g.restore(dest)
	r.wantContent("new", f.ID, payments(t, 402, 3))
	r.wantState("erased", old.ID, catalog.Erased, "erased")
}

// What lies in the backup under a body's name is used again only with the
// body's length and end.
func TestABodyThatChangedIsCopiedAgain(t *testing.T) {
	g, keep := kept(t)
	f := g.send(keep, "late.xml.filepart", payments(t, 500, 7))
	dest := filepath.Join(t.TempDir(), "backup")
	g.backup(dest)
	if err := g.Inbox(keep.ID, login).Rename(t.Context(), parse("/late.xml.filepart"), parse("/late.xml"), false); err != nil {
		t.Fatal(err)
	}
	g.work()
	g.backup(dest)
	r := g.restore(dest)
	r.wantState("renamed", f.ID, catalog.Kept, "")
	r.wantContent("renamed", f.ID, payments(t, 500, 7))
}

func TestPlacesWhereNoBackupGoes(t *testing.T) {
	g, _ := kept(t)
	other, _ := kept(t)
	place := func(name string, text string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(g.Dir, link); err != nil {
		t.Fatal(err)
	}
	withKeys := filepath.Join(t.TempDir(), "backup")
	g.backup(withKeys)
	if err := g.Store.Backup(filepath.Join(withKeys, "keys.bak")); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(t.TempDir(), "backup")
	src := other.sources()
	src.Gateway = "another"
	if _, err := Make(t.Context(), src, foreign, nil); err != nil {
		t.Fatal(err)
	}
	for dest, want := range map[string]fault.Kind{
		g.Dir:                                           fault.Invalid,
		filepath.Join(g.Dir, "backup"):                  fault.Invalid,
		filepath.Dir(g.Dir):                             fault.Invalid,
		filepath.Join(link, "backup"):                   fault.Invalid,
		filepath.Join(t.TempDir(), "no", "such"):        fault.Invalid,
		place("holiday.jpg", "x"):                       fault.Exists,
		withKeys:                                        fault.Denied,
		filepath.Dir(g.Store.Dir()):                     fault.Denied,
		place("master.key", "00"):                       fault.Denied,
		place("k.pem", "-----BEGIN PRIVATE KEY-----\n"): fault.Denied,
		foreign:                     fault.Exists,
		place(manifestFile, "{}\n"): fault.Damaged,
	} {
		before, _ := os.ReadDir(dest)
		if _, err := Make(t.Context(), g.sources(), dest, nil); !fault.Is(err, want) {
			t.Errorf("%s: %v, want kind %v", dest, err, want)
		}
		if after, _ := os.ReadDir(dest); len(after) != len(before) {
			t.Errorf("%s: it holds %v, it held %v", dest, after, before)
		}
	}
}

// Each operation of the backup's disk fails, without and with effect, on a new
// backup and on an earlier one. Nothing incomplete is ever taken for a backup,
// and the next one is whole.
func TestTheBackupsDiskFails(t *testing.T) {
	g, keep := kept(t)
	first := filepath.Join(t.TempDir(), "backup")
	g.backup(first)
	g.send(keep, "c.xml", payments(t, 402, 3))
	g.work()
	if err := g.indexer.Erase(t.Context(), g.Files()[2].ID, "operator", ""); err != nil {
		t.Fatal(err)
	}
	for _, op := range durabletest.Ops {
		for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
			for _, earlier := range []bool{false, true} {
				failOneByOne(t, g, first, op, how, earlier)
			}
		}
	}
}

func failOneByOne(t *testing.T, g *gateway, first string, op durabletest.Op, how durabletest.How, earlier bool) {
	t.Helper()
	step := 1 // the further on, the wider the steps
	if os.Getenv("SEALGATE_LONG") != "" {
		step = math.MaxInt32
	}
	for nth := 1; ; nth += 1 + 2*nth/step {
		dest := filepath.Join(t.TempDir(), "backup")
		if earlier {
			if err := os.CopyFS(dest, os.DirFS(first)); err != nil {
				t.Fatal(err)
			}
		}
		disk := durabletest.NewFaulty(durable.OS)
		disk.Fail(op, nth, how, durabletest.ErrFull)
		src := g.sources()
		src.fs = disk
		_, err := Make(t.Context(), src, dest, nil)
		if disk.Fired() == 0 {
			if err != nil {
				t.Fatalf("%s: %v", op, err)
			}
			return
		}
		if err != nil && !fault.Is(err, fault.Full) {
			t.Errorf("%s %d (stored: %v): %v, want a full disk", op, nth, how, err)
		}
		if _, verr := Verify(t.Context(), dest, true, nil); verr != nil && (err == nil || !fault.Is(verr, fault.Damaged) && !fault.Is(verr, fault.NotFound)) {
			t.Errorf("%s %d (stored: %v, earlier: %v): made: %v; verified: %v", op, nth, how, earlier, err, verr)
		} else if verr != nil {
			if _, err := Restore(t.Context(), dest, filepath.Join(t.TempDir(), "new"), nil); err == nil {
				t.Errorf("%s %d: an incomplete backup was restored", op, nth)
			}
		}
		if _, err := Make(t.Context(), g.sources(), dest, nil); err != nil {
			t.Fatalf("%s %d (stored: %v, earlier: %v): the next backup: %v", op, nth, how, earlier, err)
		}
		if _, err := Verify(t.Context(), dest, true, nil); err != nil {
			t.Fatalf("%s %d (stored: %v, earlier: %v): the next backup: %v", op, nth, how, earlier, err)
		}
	}
}

func TestInterruptedInTheMiddle(t *testing.T) {
	g, _ := kept(t)
	dest := filepath.Join(t.TempDir(), "backup")
	ctx, stop := context.WithCancel(t.Context())
	_, err := Make(ctx, g.sources(), dest, func(int64, int64) { stop() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("made: %v", err)
	}
	if _, err := Read(dest); !fault.Is(err, fault.Damaged) {
		t.Errorf("an interrupted backup: %v", err)
	}
	if _, err := Restore(t.Context(), dest, filepath.Join(t.TempDir(), "new"), nil); !fault.Is(err, fault.Damaged) {
		t.Errorf("an interrupted backup, restored: %v", err)
	}
	g.backup(dest)
	ctx, stop = context.WithCancel(t.Context())
	place := filepath.Join(t.TempDir(), "new")
	if _, err := Restore(ctx, dest, place, func(int64, int64) { stop() }); !errors.Is(err, context.Canceled) {
		t.Errorf("restored: %v", err)
	}
	if _, err := os.Stat(filepath.Join(place, Catalog)); err == nil {
		t.Error("an interrupted restore has left a catalog")
	}
	if _, err := Restore(t.Context(), dest, place, nil); err != nil {
		t.Errorf("restored again: %v", err)
	}
}

// What an interrupted backup has copied is used, and its name made durable.
func TestGoingOnWithAnInterruptedBackup(t *testing.T) {
	g, _ := kept(t)
	dest := filepath.Join(t.TempDir(), "backup")
	failing := durabletest.NewFaulty(durable.OS)
	failing.Fail(durabletest.SyncDir, 3, durabletest.NotStored, durabletest.ErrIO) // the first two are of unfinished.json
	src := g.sources()
	src.fs = failing
	if _, err := Make(t.Context(), src, dest, nil); failing.Fired() == 0 || err == nil {
		t.Fatalf("made: %v", err)
	}
	disk := &onDisk{FS: durable.OS, synced: map[string]bool{}}
	src.fs = disk
	if _, err := Make(t.Context(), src, dest, nil); err != nil {
		t.Fatal(err)
	}
	if n := disk.bodies(); n != 0 {
		t.Errorf("%d bodies were copied again", n)
	}
	for _, f := range g.Files() {
		dir := filepath.Dir(filepath.Join(dest, filepath.FromSlash(bodyName(f.Body.Ref))))
		for range 2 {
			if !disk.synced[dir] {
				t.Errorf("%s was not synced", dir)
			}
			dir = filepath.Dir(dir)
		}
	}
}

// The vault lacks a body: the rest is backed up, and it is told.
func TestABodyThatIsMissing(t *testing.T) {
	g, _ := kept(t)
	if err := g.Vault.Remove(t.Context(), g.Files()[0].Body.Ref); err != nil {
		t.Fatal(err)
	}
	if s := g.backup(filepath.Join(t.TempDir(), "backup")); s.Missing != 1 || s.Bodies != 1 {
		t.Errorf("%+v", s)
	}
}

// A stopped gateway is backed up from its files, after a crash, too.
func TestAStoppedGateway(t *testing.T) {
	g, _ := kept(t)
	crashed := t.TempDir()
	if err := os.CopyFS(crashed, os.DirFS(g.Dir)); err != nil { // with the logs of its databases
		t.Fatal(err)
	}
	cat, err := stored.Open(t.Context(), filepath.Join(crashed, Catalog))
	if err != nil {
		t.Fatal(err)
	}
	defer cat.Close()
	src := around(t, g.World).sources()
	src.Data, src.Catalog = crashed, cat
	if src.Vault, err = vault.Open(durable.OS, filepath.Join(crashed, Vault)); err != nil {
		t.Fatal(err)
	}
	dest := filepath.Join(t.TempDir(), "backup")
	s, err := Make(t.Context(), src, dest, nil)
	if err != nil || s.Bodies != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	r := g.restore(dest)
	if n := len(r.Files()); n != 2 {
		t.Errorf("%d files on record", n)
	}
}

// Senders and workers are busy while backups are made, one into the other. Each
// is whole, and in each every body is there that its catalog refers to.
func TestBackupOfABusyGateway(t *testing.T) {
	g, keep := kept(t)
	del := g.account("deleter", catalog.ContentDelete)
	stop := make(chan struct{})
	var busy sync.WaitGroup
	rest := sync.OnceFunc(func() { close(stop); busy.Wait() })
	t.Cleanup(rest) // before what they use is closed
	for n, a := range []*catalog.Account{keep, del} {
		busy.Go(func() {
			for i := uint64(0); ; i++ {
				select {
				case <-stop:
					return
				default:
					g.send(a, "x.xml", payments(t, 300+i%200, 1000*uint64(n+1)+i))
					g.work()
				}
			}
		})
	}
	busy.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				g.Sweep(context.Background())
			}
		}
	})
	dest := filepath.Join(t.TempDir(), "backup")
	var last Summary
	for range 4 {
		if last = g.backup(dest); last.Missing != 0 {
			t.Errorf("%+v", last)
		}
	}
	rest()
	r := g.restore(dest)
	r.work()
	for _, f := range r.Files() {
		switch f.State {
		case catalog.Kept:
			body, err := r.Bodies.Open(t.Context(), f)
			if err != nil {
				t.Errorf("%s: %v", f.ID, err)
				continue
			}
			if err := body.Verify(t.Context()); err != nil {
				t.Errorf("%s: %v", f.ID, err)
			}
			body.Close()
		case catalog.Deleted, catalog.Arriving:
		case catalog.Received: // its job failed once, for its body was gone: see the next line
			t.Errorf("%s is still received", f.ID)
		case catalog.Erased: // its content is sealed for an ingest key alone, and those are in no copy of the keys
			if f.Keep || f.Reason != indexer.ReasonLost {
				t.Errorf("%s was erased, %q", f.ID, f.Reason)
			}
		default:
			t.Errorf("%s is %s, %q", f.ID, f.State, f.Reason)
		}
	}
	wantVaultAsOnRecord(t, r)
}
