package outbox_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/outbox"
)

var login = uuid.MustParse("01900000-0000-7000-8000-000000000001")

type world struct {
	*intaketest.World
	t       *testing.T
	box     *outbox.Outbox
	account *catalog.Account
}

func newWorld(t *testing.T) *world { return over(t, intaketest.New(t, nil)) }

func over(t *testing.T, in *intaketest.World) *world {
	w := &world{World: in, t: t}
	w.account = w.Account("acme", catalog.ContentKeep)
	w.box = outbox.New(w.Catalog, w.Bodies, w.Keys, w.Intake, w.Clock.Now)
	w.Update(func(tx *catalog.Tx) error {
		return tx.InsertLogin(&logins.Login{ID: login, Account: w.account.ID, Name: []byte("x"), NameMAC: []byte("x"), Role: "uploader"})
	})
	return w
}

// keep puts a file into the account's kept ones.
func (w *world) keep(name, content string) *catalog.File {
	w.t.Helper()
	f, err := w.Put(intaketest.Spec(w.account, login, "/"+name), []byte(content))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Confirm(f.ID)
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.State, row.Grant = catalog.Kept, catalog.Grant{}
		return tx.SaveFile(row)
	})
	return w.File(f.ID)
}

// rows puts many kept files on record, in one commit and without content.
func (w *world) rows(names ...string) (files []*catalog.File) {
	w.t.Helper()
	rec, err := w.Keys.Records(w.t.Context(), w.account.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Update(func(tx *catalog.Tx) error {
		for _, name := range names {
			f := &catalog.File{
				ID: uuid.Must(uuid.NewV7()), Account: w.account.ID, Login: login, Direction: catalog.In, State: catalog.Kept,
				NameMAC: inbox.MAC(rec, name), Body: catalog.Body{Kind: catalog.VaultBody},
			}
			f.Name = rec.Seal("file", "name", f.ID, []byte(name))
			if err := tx.InsertFile(f); err != nil {
				return err
			}
			files = append(files, f)
		}
		return nil
	})
	return files
}

// erase takes a file's content away.
func (w *world) erase(id uuid.UUID) {
	w.t.Helper()
	w.Update(func(tx *catalog.Tx) error {
		f, err := tx.File(id)
		if err != nil {
			return err
		}
		f.State, f.Body = catalog.Erased, catalog.Body{Kind: catalog.NoBody}
		return tx.SaveFile(f)
	})
}

func names(items []outbox.Item) (all []string) {
	for _, i := range items {
		all = append(all, i.Name)
	}
	return all
}

// rest reads a list to its end.
func rest(t *testing.T, p *outbox.Pages) (all []outbox.Item, pages int) {
	t.Helper()
	for {
		page, err := p.Next(t.Context())
		if err == io.EOF {
			return all, pages
		}
		if err != nil {
			t.Fatal(err)
		}
		all, pages = append(all, page...), pages+1
	}
}

func TestKeptFilesComePageByPage(t *testing.T) {
	w := newWorld(t)
	var stored, want []string
	for i := range 1203 {
		name, shown := fmt.Sprintf("f%04d.xml", i), ""
		switch {
		case i%100 == 7: // one name again and again, over all pages
			name, shown = "again.xml", fmt.Sprintf("again.%d.xml", i/100+1)
			if i == 7 {
				shown = name
			}
		default:
			shown = name
		}
		stored, want = append(stored, name), append(want, shown)
	}
	w.rows(stored...)
	p, err := w.box.KeptPages(t.Context(), w.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	items, pages := rest(t, p)
	if !slices.Equal(names(items), want) || pages != 3 {
		t.Errorf("%d files in %d pages", len(items), pages)
	}
	for _, i := range []int{0, 7, 707, 1202} {
		f, err := w.box.FindKept(t.Context(), w.account.ID, items[i].Name)
		if err != nil || f.ID != items[i].File.ID {
			t.Errorf("%s does not lead back: %v", items[i].Name, err)
		}
	}
	whole, err := w.box.Kept(t.Context(), w.account.ID)
	if err != nil || !slices.Equal(names(whole), want) {
		t.Errorf("all at once: %d files, %v", len(whole), err)
	}
}

// Files leave and others come while a list is read: none is shown twice, none that
// stays is passed over, and what came after is not there.
func TestAListThatChangesWhileItIsRead(t *testing.T) {
	w := newWorld(t)
	var stored []string
	for i := range 1100 {
		stored = append(stored, fmt.Sprintf("f%04d.xml", i))
	}
	files := w.rows(stored...)
	p, err := w.box.KeptPages(t.Context(), w.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	first, err := p.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone := map[uuid.UUID]bool{}
	for _, i := range []int{3, 550, 551, 1099} {
		gone[files[i].ID] = true
		w.erase(files[i].ID)
	}
	w.rows("later.xml")
	left, _ := rest(t, p)
	seen := map[uuid.UUID]int{}
	for _, i := range append(first, left...) {
		seen[i.File.ID]++
	}
	for i, f := range files {
		if want := 1; seen[f.ID] != want && !gone[f.ID] {
			t.Errorf("file %d is shown %d times", i, seen[f.ID])
		}
	}
	if len(seen) > len(files) {
		t.Error("a file that came later is shown")
	}
}

// The account was closed and opened again: old names cannot be read by anybody. They
// are listed and found by their ids, beside those that can.
func TestNamesThatNobodyCanRead(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	old := w.keep("old.xml", "old")
	certs, err := w.Keys.Certificates(ctx, w.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Keys.Remove(ctx, "operator", custody.Target{Account: w.account.ID, Certificate: certs[0].Fingerprint}, "acme"); err != nil {
		t.Fatal(err)
	}
	closed, err := w.box.Kept(ctx, w.account.ID)
	if err != nil || !slices.Equal(names(closed), []string{old.ID.String()}) {
		t.Errorf("closed: %v, %v", names(closed), err)
	}
	if f, err := w.box.FindKept(ctx, w.account.ID, old.ID.String()); err != nil || f.ID != old.ID {
		t.Errorf("closed: %v", err)
	}
	if _, err := w.Keys.RenewCertificate(ctx, "operator", w.account.ID); err != nil {
		t.Fatal(err)
	}
	w.keep("new.xml", "new")
	items, err := w.box.Kept(ctx, w.account.ID)
	if err != nil || !slices.Equal(names(items), []string{old.ID.String(), "new.xml"}) {
		t.Errorf("open again: %v, %v", names(items), err)
	}
	for _, name := range []string{"old.xml", strings.ToUpper(old.ID.String()), "{" + old.ID.String() + "}", uuid.NewString()} {
		if _, err := w.box.FindKept(ctx, w.account.ID, name); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := w.Account("other", catalog.ContentKeep)
	if _, err := w.box.FindKept(ctx, other.ID, old.ID.String()); !fault.Is(err, fault.NotFound) {
		t.Errorf("another account finds it: %v", err)
	}
}

// Somebody names a file as the second one of another name would be shown: each is
// listed once, and leads to itself.
func TestNumberedNamesThatAreTaken(t *testing.T) {
	w := newWorld(t)
	first, second, third := w.keep("a.xml", "1"), w.keep("a.xml", "2"), w.keep("a.xml", "3")
	taken := w.keep("a.2.xml", "taken")
	items, err := w.box.Kept(t.Context(), w.account.ID)
	if want := []string{"a.xml", second.ID.String(), "a.3.xml", "a.2.xml"}; err != nil || !slices.Equal(names(items), want) {
		t.Fatalf("%v, %v", names(items), err)
	}
	for i, f := range []*catalog.File{first, second, third, taken} {
		if found, err := w.box.FindKept(t.Context(), w.account.ID, items[i].Name); err != nil || found.ID != f.ID {
			t.Errorf("%s leads to another file, %v", items[i].Name, err)
		}
	}
}

// delivered brings a file to the end of its way out and returns its job.
func (w *world) delivered(content []byte) (*catalog.File, *catalog.Job) {
	w.t.Helper()
	f, err := w.box.Send(w.t.Context(), w.account.ID, "report.pdf", bytes.NewReader(content), "operator", "operator")
	if err != nil {
		w.t.Fatal(err)
	}
	f = w.File(f.ID)
	if err := w.box.Delivered(w.t.Context(), f.ID, "x"); err != nil {
		w.t.Fatal(err)
	}
	return f, w.lease(w.Clock.Now().Add(31 * 24 * time.Hour))
}

func (w *world) lease(at time.Time) *catalog.Job {
	w.t.Helper()
	var jobs []*catalog.Job
	w.Update(func(tx *catalog.Tx) (err error) {
		jobs, err = tx.LeaseJobs(outbox.ExpireJob, "test", at, time.Hour, 1)
		return err
	})
	if len(jobs) != 1 {
		w.t.Fatalf("%d jobs are due at %s", len(jobs), at)
	}
	return jobs[0]
}

func TestABodyExpiresWhenTheAccountSays(t *testing.T) {
	w := newWorld(t)
	large := bytes.Repeat([]byte("content "), 30_000)
	for _, content := range [][]byte{[]byte("small"), large} {
		f, job := w.delivered(content)
		if err := w.box.Expire(t.Context(), job); err != nil || w.File(f.ID).Body.Kind == catalog.NoBody {
			t.Errorf("before its time: body %s, %v", w.File(f.ID).Body.Kind, err)
		}
		w.account.OutboxKeepFor = 60 * 24 * time.Hour // meanwhile the account wants them for longer
		w.Update(func(tx *catalog.Tx) error { return tx.SaveAccount(w.account) })
		w.Clock.Add(31 * 24 * time.Hour)
		if err := w.box.Expire(t.Context(), w.lease(w.Clock.Now())); err != nil || w.File(f.ID).Body.Kind == catalog.NoBody {
			t.Errorf("after 31 of 60 days: body %s, %v", w.File(f.ID).Body.Kind, err)
		}
		w.Clock.Add(30 * 24 * time.Hour)
		if err := w.box.Expire(t.Context(), w.lease(w.Clock.Now())); err != nil {
			t.Fatal(err)
		}
		if row := w.File(f.ID); row.State != catalog.Delivered || row.Body.Kind != catalog.NoBody {
			t.Errorf("after 61 days: %s, body %s", row.State, row.Body.Kind)
		}
		if _, err := w.Bodies.Open(t.Context(), f); !fault.Is(err, fault.NotFound) {
			t.Errorf("its content: %v", err)
		}
		w.account.OutboxKeepFor = 30 * 24 * time.Hour
		w.Update(func(tx *catalog.Tx) error { return tx.SaveAccount(w.account) })
	}
}

// Who has erased it before, or removed the account, leaves nothing to be done.
func TestABodyThatIsGoneAlready(t *testing.T) {
	w := newWorld(t)
	f, job := w.delivered([]byte("x"))
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.Body = catalog.Body{Kind: catalog.NoBody}
		return tx.SaveFile(row)
	})
	if err := w.box.Expire(t.Context(), job); err != nil {
		t.Error(err)
	}
	g, job := w.delivered([]byte("y"))
	w.Update(func(tx *catalog.Tx) error { return tx.DeleteAccount(w.account.ID) })
	if err := w.box.Expire(t.Context(), job); err != nil || w.File(g.ID).Body.Kind != catalog.NoBody {
		t.Errorf("without an account: body %s, %v", w.File(g.ID).Body.Kind, err)
	}
}

// The vault fails in both ways: the record says that the body is gone, the sweep takes
// what is left.
func TestTheVaultFailsBothWays(t *testing.T) {
	for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
		disk := durabletest.NewFaulty(durabletest.NewPowerCut("/data"))
		w := over(t, intaketest.New(t, disk))
		f, job := w.delivered(bytes.Repeat([]byte("content "), 30_000))
		w.Clock.Add(31 * 24 * time.Hour)
		disk.Fail(durabletest.Remove, 1, how, durabletest.ErrIO)
		if err := w.box.Expire(context.Background(), job); err == nil {
			t.Error("the fault was not met")
		}
		if row := w.File(f.ID); row.Body.Kind != catalog.NoBody {
			t.Errorf("body %s", row.Body.Kind)
		}
		w.Restart()
		if err := w.SweepObjects(t.Context()); err != nil || w.Objects() != 0 {
			t.Errorf("%d objects, %v", w.Objects(), err)
		}
	}
}
