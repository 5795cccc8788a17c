package reseal_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/reseal"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/logins"
	"sealgate/internal/store/catalog/trail"
	"sealgate/internal/store/vault"
	"sealgate/internal/transfer/intake/intaketest"
)

var login = uuid.MustParse("01900000-0000-7000-8000-000000000001")

// world is an intake with files in it, and a resealer whose turns are run by hand.
type world struct {
	*intaketest.World
	*reseal.Resealer
	t       *testing.T
	account *catalog.Account
	files   map[uuid.UUID][]byte // by id: what each holds
}

func newWorld(t *testing.T, fs durable.FS) *world {
	w := &world{World: intaketest.New(t, fs), t: t, files: map[uuid.UUID][]byte{}}
	w.account = w.Account("acme", catalog.ContentKeep)
	w.Update(func(tx *catalog.Tx) error {
		return tx.InsertLogin(&logins.Login{ID: login, Account: w.account.ID, Name: []byte("x"), NameMAC: []byte("x"), Role: "uploader"})
	})
	w.again(w.World)
	return w
}

// again is what a new process begins with.
func (w *world) again(in *intaketest.World) {
	w.World = in
	w.Resealer = reseal.New(
		reseal.Stores{Catalog: in.Catalog, Intake: in.Intake, Bodies: in.Bodies, Custody: in.Keys},
		reseal.Options{Worker: "node-1", Now: in.Clock.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil))},
	)
}

// restart ends the process and begins another one.
func (w *world) restart() {
	w.t.Helper()
	w.World.Restart()
	w.again(w.World)
	if err := w.SweepObjects(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.Update(func(tx *catalog.Tx) error { _, err := tx.ReleaseJobs("node-1/reseal"); return err })
	w.Clock.Add(time.Hour) // past any pause
}

func content(n int, seed uint64) []byte {
	b := make([]byte, n)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// put takes a file in and brings it to a state.
func (w *world) put(name string, n int, state catalog.State) *catalog.File {
	w.t.Helper()
	data := content(n, uint64(len(w.files)+1))
	f, err := w.Put(intaketest.Spec(w.account, login, "/"+name), data)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Confirm(f.ID)
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.State = state
		if state == catalog.Kept {
			row.Grant = catalog.Grant{}
		}
		return tx.SaveFile(row)
	})
	w.files[f.ID] = data
	return w.File(f.ID)
}

// several puts files of all kinds of places and states.
func (w *world) several() {
	w.put("small.xml", 500, catalog.Kept)
	w.put("large.xml", 3*seal.SlotSize+17, catalog.Kept)
	w.put("even.xml", 2*seal.SlotSize, catalog.Held)
	w.put("empty.xml", 0, catalog.Received)
}

func (w *world) renew() {
	w.t.Helper()
	if _, err := w.Keys.RenewCertificate(w.t.Context(), "operator", w.account.ID); err != nil {
		w.t.Fatal(err)
	}
}

// begin queues the account's job.
func (w *world) begin() reseal.Progress {
	w.t.Helper()
	p, err := w.Start(w.t.Context(), "operator", w.account.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) progress() reseal.Progress {
	w.t.Helper()
	p, err := w.Progress(w.t.Context(), w.account.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// sealed returns the sealed object of a file and its header.
func (w *world) sealed(f *catalog.File) (object []byte, h seal.Header, body []byte) {
	w.t.Helper()
	obj, err := w.Bodies.OpenSealed(w.t.Context(), f)
	if err != nil {
		w.t.Fatal(err)
	}
	defer obj.Close()
	object = readAll(w.t, obj)
	h, raw, err := seal.ReadHeader(bytes.NewReader(object))
	if err != nil {
		w.t.Fatal(err)
	}
	if f.Body.Sealed != int64(len(object)) {
		w.t.Errorf("the row says %d sealed bytes, the object has %d", f.Body.Sealed, len(object))
	}
	return object, h, object[len(raw):]
}

func readAll(t *testing.T, o vault.Object) []byte {
	t.Helper()
	b := make([]byte, o.Size())
	if _, err := o.ReadAt(b, 0); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return b
}

// wantDone checks that every file is under the account's present keys and no others,
// holds what it held, and that the vault holds nothing else.
func (w *world) wantDone(what string) {
	w.t.Helper()
	current, err := w.Keys.CurrentLock(w.t.Context(), w.account.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	var locks []*catalog.Lock
	if err := w.Catalog.View(w.t.Context(), func(tx *catalog.Tx) (err error) { locks, err = tx.Locks(w.account.ID); return err }); err != nil {
		w.t.Fatal(err)
	}
	objects := 0
	for id, data := range w.files {
		f := w.File(id)
		at := slices.IndexFunc(locks, func(l *catalog.Lock) bool { return l.ID == f.Lock })
		if at < 0 || !current.Is(locks[at]) {
			w.t.Errorf("%s: a file is under lock %d", what, f.Lock)
			continue
		}
		_, h, _ := w.sealed(f)
		var wraps []string
		for _, wrap := range h.Wraps {
			wraps = append(wraps, wrap.Key.String())
		}
		want := append(slices.Clone(locks[at].Certificates), locks[at].AccessKeys...)
		slices.Sort(wraps)
		slices.Sort(want)
		if !slices.Equal(wraps, want) {
			w.t.Errorf("%s: the header is for %v, the row says %v", what, wraps, want)
		}
		if !bytes.Equal(w.Read(f), data) {
			w.t.Errorf("%s: a file of %d bytes holds other bytes", what, len(data))
		}
		if f.Body.Kind == catalog.VaultBody {
			objects++
		}
	}
	if n := w.Objects(); n != objects {
		w.t.Errorf("%s: %d objects in the vault, %d are on record", what, n, objects)
	}
	if p := w.progress(); p.Running || p.Left != 0 {
		w.t.Errorf("%s: %+v", what, p)
	}
}

func (w *world) work() {
	w.t.Helper()
	if err := w.Work(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func TestFilesComeUnderTheNewKeysWithTheSameSlots(t *testing.T) {
	w := newWorld(t, nil)
	w.several()
	old := w.File(slices.MaxFunc(slices.Collect(keysOf(w.files)), func(a, b uuid.UUID) int { return len(w.files[a]) - len(w.files[b]) }))
	bodies := map[uuid.UUID][]byte{}
	for id := range w.files {
		_, _, bodies[id] = w.sealed(w.File(id))
	}
	first, err := w.Keys.Certificates(t.Context(), w.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.renew()
	late := w.put("late.xml", 700, catalog.Kept)
	if p := w.begin(); !p.Running || p.Left != 4 || p.LeftBytes != 500+3*seal.SlotSize+17+2*seal.SlotSize {
		t.Errorf("before: %+v", p)
	}
	if p := w.begin(); p.Left != 4 {
		t.Errorf("asked for twice: %+v", p)
	}
	w.work()
	w.wantDone("resealed")
	if p := w.progress(); p.Resealed != 4 {
		t.Errorf("afterwards: %+v", p)
	}
	for id, was := range bodies {
		if _, _, is := w.sealed(w.File(id)); !bytes.Equal(is, was) {
			t.Errorf("the slots of a file of %d bytes are other ones", len(w.files[id]))
		}
	}
	if f := w.File(late.ID); f.Body != late.Body || f.Lock != late.Lock {
		t.Error("a file that was under the new keys was touched")
	}
	if _, err := w.Vault.Open(t.Context(), old.Body.Ref); !fault.Is(err, fault.NotFound) {
		t.Errorf("the old object: %v", err)
	}
	// Now the old certificate can go, and nothing is lost by it.
	_, err = w.Keys.Remove(t.Context(), "operator", custody.Target{Account: w.account.ID, Certificate: first[0].Fingerprint}, "acme")
	if err != nil {
		t.Fatal(err)
	}
	w.wantDone("after the old certificate was removed")
}

func keysOf(m map[uuid.UUID][]byte) func(func(uuid.UUID) bool) {
	return func(yield func(uuid.UUID) bool) {
		for id := range m {
			if !yield(id) {
				return
			}
		}
	}
}

// A reader that has found the old object goes on with it; one that has read the row
// before and comes too late finds the new one.
func TestDownloadsGoOn(t *testing.T) {
	w := newWorld(t, nil)
	f := w.put("large.xml", 4*seal.SlotSize+1, catalog.Kept)
	w.renew()
	open, err := w.Bodies.Open(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	w.begin()
	w.work()
	var got bytes.Buffer
	if err := open.VerifyTo(t.Context(), &got); err != nil || !bytes.Equal(got.Bytes(), w.files[f.ID]) {
		t.Errorf("a download that was under way: %d bytes, %v", got.Len(), err)
	}
	if !bytes.Equal(w.Read(f), w.files[f.ID]) {
		t.Error("who has an old row reads other bytes")
	}
}

// A large account does not keep a small one waiting, and a job outlives its slices.
func TestAccountsTakeTurns(t *testing.T) {
	w := newWorld(t, nil)
	for range 20 {
		w.put("f.xml", 100, catalog.Kept)
	}
	large, small := w.account, w.Account("small", catalog.ContentKeep)
	w.account = small
	w.put("x.xml", 100, catalog.Kept)
	slow := func() time.Time { w.Clock.Add(5 * time.Second); return w.Clock.Now() }
	w.Resealer = reseal.New(
		reseal.Stores{Catalog: w.Catalog, Intake: w.Intake, Bodies: w.Bodies, Custody: w.Keys},
		reseal.Options{Worker: "node-1", Now: slow, Log: slog.New(slog.DiscardHandler)},
	)
	for _, w.account = range []*catalog.Account{large, small} {
		w.renew()
		w.begin()
	}
	w.work()
	var done []uuid.UUID // the last first
	for _, e := range catalogtest.Audited(t, w.Catalog, "account.resealed") {
		done = append(done, e.Account)
	}
	if !slices.Equal(done, []uuid.UUID{large.ID, small.ID}) {
		t.Errorf("%v", done)
	}
	w.account = large
	if p := w.progress(); p.Running || p.Resealed != 20 || p.Left != 0 {
		t.Errorf("%+v", p)
	}
}

func TestACustomerHeldAccountIsResealedWhileItIsUnlocked(t *testing.T) {
	w := newWorld(t, nil)
	k, err := keys.NewAccessKey()
	if err != nil {
		t.Fatal(err)
	}
	w.account.Keys = catalog.KeysCustomer
	w.Update(func(tx *catalog.Tx) error { return tx.SaveAccount(w.account) })
	ctx := t.Context()
	gateways, err := w.Keys.AccessKeys(ctx, w.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Keys.AddAccessKey(ctx, "operator", w.account.ID, custody.NewKey{Public: k.Public})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keys.Unlock(ctx, "operator", w.account.ID, k.Private, time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keys.Remove(ctx, "operator", custody.Target{Account: w.account.ID, AccessKey: gateways[0].ID}, "acme"); err != nil {
		t.Fatal(err)
	}
	w.several()
	w.renew()
	if err := w.Keys.Lock(ctx, "operator", w.account.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Start(ctx, "operator", w.account.ID); !fault.Is(err, fault.Locked) {
		t.Fatalf("started while locked: %v", err)
	}
	if _, err := w.Keys.Unlock(ctx, "operator", w.account.ID, k.Private, time.Hour); err != nil {
		t.Fatal(err)
	}
	w.begin()
	if err := w.Keys.Lock(ctx, "operator", w.account.ID); err != nil {
		t.Fatal(err)
	}
	w.work()
	if p := w.progress(); !p.Running || p.Waiting != "locked" || p.Left != 4 || p.Unreachable != 0 {
		t.Errorf("locked meanwhile: %+v", p)
	}
	if _, err := w.Keys.Unlock(ctx, "operator", w.account.ID, k.Private, time.Hour); err != nil {
		t.Fatal(err)
	}
	w.Clock.Add(2 * time.Minute)
	w.work()
	w.wantDone("unlocked again")
}

// What cannot be resealed is said, and does not keep the job from its end.
func TestWhatCannotBeResealed(t *testing.T) {
	w := newWorld(t, nil)
	ctx := t.Context()
	damaged := w.put("damaged.xml", 3*seal.SlotSize, catalog.Kept)
	gone := w.put("gone.xml", 3*seal.SlotSize, catalog.Kept)
	erased := w.put("erased.xml", 10, catalog.Kept)
	good := w.put("good.xml", 3*seal.SlotSize, catalog.Kept)
	object, _, _ := w.sealed(damaged)
	if err := w.Vault.Remove(ctx, damaged.Body.Ref); err != nil {
		t.Fatal(err)
	}
	object[len(object)/2] ^= 1 // one bit in a slot, with header and trailer whole
	write(t, w.Vault, damaged.Body.Ref, object)
	if err := w.Vault.Remove(ctx, gone.Body.Ref); err != nil {
		t.Fatal(err)
	}
	w.Update(func(tx *catalog.Tx) error {
		f, err := tx.File(erased.ID)
		if err != nil {
			return err
		}
		f.State, f.Body = catalog.Erased, catalog.Body{Kind: catalog.NoBody}
		if err := tx.DeleteInline(f.ID); err != nil {
			return err
		}
		return tx.SaveFile(f)
	})
	half, err := w.Begin(ctx, intaketest.Spec(w.account, login, "/half.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := half.WriteAt(content(5*seal.SlotSize, 9), 0); err != nil {
		t.Fatal(err)
	}
	if err := half.Sync(); err != nil {
		t.Fatal(err)
	}
	w.renew()
	w.begin()
	w.work()
	p := w.progress()
	if p.Running || p.Resealed != 1 || p.Damaged != 2 || p.Unfinished != 1 || p.Left != 3 {
		t.Errorf("%+v", p)
	}
	if now := w.File(damaged.ID); now.Body != damaged.Body || now.Lock != damaged.Lock {
		t.Error("a damaged file was replaced by its copy")
	}
	if w.File(good.ID).Lock == good.Lock {
		t.Error("the good file was passed over")
	}
	if _, err := half.Commit(ctx); err != nil {
		t.Errorf("the arrival that was under way: %v", err)
	}
	w.begin()
	w.work()
	if p := w.progress(); p.Resealed != 1 || p.Unfinished != 0 || p.Left != 2 {
		t.Errorf("once the arrival was complete: %+v", p)
	}
}

func write(t *testing.T, v vault.Vault, ref string, object []byte) {
	t.Helper()
	b, err := v.Create(context.Background(), ref)
	if err == nil {
		_, err = b.WriteAt(object, 0)
	}
	if err == nil {
		err = b.Commit(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Files under a key that was destroyed stay as they are, and are counted.
func TestFilesOfADestroyedKeyAreUnreachable(t *testing.T) {
	w := newWorld(t, nil)
	f := w.put("old.xml", 100, catalog.Kept)
	first, err := w.Keys.Certificates(t.Context(), w.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.renew()
	if _, err := w.Keys.Remove(t.Context(), "operator", custody.Target{Account: w.account.ID, Certificate: first[0].Fingerprint}, "acme"); err != nil {
		t.Fatal(err)
	}
	w.put("new.xml", 100, catalog.Kept)
	w.begin()
	w.work()
	if p := w.progress(); p.Running || p.Unreachable != 1 || p.Resealed != 0 || p.Left != 1 {
		t.Errorf("%+v", p)
	}
	if w.File(f.ID).Lock != f.Lock {
		t.Error("its row was changed")
	}
}

// An account with keys for each year: a new certificate does not move last year's
// files under this year's key, so destroying last year's key still ends them.
func TestAYearsFilesStayUnderItsKey(t *testing.T) {
	w := newWorld(t, nil)
	w.account.KeyPeriod = catalog.PeriodYear
	w.Update(func(tx *catalog.Tx) error { return tx.SaveAccount(w.account) })
	w.World.Restart() // forgets the lock that was read before
	w.again(w.World)
	last := w.put("2026.xml", 100, catalog.Kept)
	w.Clock.Add(365 * 24 * time.Hour)
	this := w.put("2027.xml", 100, catalog.Kept)
	w.renew()
	w.begin()
	w.work()
	if p := w.progress(); p.Running || p.Resealed != 2 || p.Left != 0 {
		t.Errorf("%+v", p)
	}
	id, err := w.Keys.FindAccessKey(t.Context(), w.account.ID, "2026")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keys.Remove(t.Context(), "operator", custody.Target{Account: w.account.ID, AccessKey: id}, "acme"); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Bodies.Open(t.Context(), w.File(last.ID)); !fault.Is(err, fault.Locked) {
		t.Errorf("last year's file after its key was destroyed: %v", err)
	}
	if !bytes.Equal(w.Read(w.File(this.ID)), w.files[this.ID]) {
		t.Error("this year's file does not open")
	}
}

func TestTheAuditSaysWhoAndHowMuch(t *testing.T) {
	w := newWorld(t, nil)
	w.several()
	w.renew()
	w.begin()
	w.work()
	var text []string
	err := w.Catalog.View(t.Context(), func(tx *catalog.Tx) error {
		all, err := tx.AuditEntries(trail.Filter{Account: w.account.ID})
		for _, e := range all {
			if strings.HasPrefix(e.Action, "account.reseal") {
				text = append(text, e.Action+" "+e.Actor+" "+e.Detail["resealed"])
			}
		}
		return err
	})
	if want := []string{"account.resealed gateway 4", "account.reseal operator "}; err != nil || !slices.Equal(text, want) {
		t.Errorf("%v, %v", text, err)
	}
}
