package catalogtest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/trail"
)

func addFile(t *testing.T, c *catalog.Catalog, f catalog.File) *catalog.File {
	t.Helper()
	f.ID = ID()
	if f.Direction == "" {
		f.Direction = catalog.In
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.InsertFile(&f) })
	return &f
}

func getFile(t *testing.T, c *catalog.Catalog, id uuid.UUID) *catalog.File {
	t.Helper()
	return get(t, c, func(tx *catalog.Tx) (*catalog.File, error) { return tx.File(id) })
}

func testFileRoundTrip(t *testing.T, c *catalog.Catalog) {
	f := addFile(t, c, catalog.File{Account: ID(), State: catalog.Arriving})
	wantSame(t, getFile(t, c, f.ID), f)
	*f = catalog.File{
		ID: f.ID, Account: f.Account, Number: f.Number, Direction: catalog.In, State: catalog.Held, Source: "sftp", Node: "one", Login: ID(),
		Name: []byte("sealed"), NameMAC: MAC(), Reason: "duplicate",
		Times:    catalog.Times{BeganAt: noon, ReceivedAt: noon.Add(1), IndexedAt: noon.Add(time.Hour), EndedAt: noon.Add(2 * time.Hour)},
		Content:  catalog.Content{Size: 1 << 40, SHA256: []byte("sealed"), MAC: MAC()},
		Body:     catalog.Body{Kind: catalog.VaultBody, Ref: "00ff", Sealed: 1<<40 + 99},
		Grant:    catalog.Grant{Key: "ab", Data: []byte{1, 2, 3}},
		Delivery: catalog.Delivery{MAC: MAC(), Answered: true, Resumed: true},
		Result: catalog.Result{
			Format: "iso20022.pain.001", Variant: "pain.001.001.09", BatchCount: 2, PaymentCount: 7,
			Codes: []string{"a", "b"}, Summary: []byte("sealed"),
		},
		Keep: true, Fence: 3, Lock: 4,
	}
	f.ReceivedAt = noon
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveFile(f) })
	wantSame(t, getFile(t, c, f.ID), f)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.SaveFile(&catalog.File{ID: ID()}) }), fault.NotFound)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.InsertFile(f) }), fault.Exists)
}

// testNewNumber: a file gets its number when it begins and another one when it
// is received, and keeps all that it has.
func testNewNumber(t *testing.T, c *catalog.Catalog) {
	f := addFile(t, c, catalog.File{
		Account: ID(), State: catalog.Arriving, NameMAC: MAC(), Body: catalog.Body{Kind: catalog.InlineBody},
		Grant: catalog.Grant{Key: "monday", Data: []byte{1}},
	})
	between := addFile(t, c, catalog.File{Account: f.Account, State: catalog.Arriving})
	Update(t, c, func(tx *catalog.Tx) (err error) {
		if err := tx.PutInline(f.ID, []byte("body")); err != nil {
			return err
		}
		f.State, f.NameMAC, f.Delivery.MAC = catalog.Received, MAC(), MAC()
		if f.Number, err = tx.NextNumber(); err != nil {
			return err
		}
		return tx.SaveFile(f)
	})
	if f.Number <= between.Number {
		t.Fatalf("number %d after %d", f.Number, between.Number)
	}
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*catalog.File, error) { return tx.Files(catalog.FileFilter{}) }), []*catalog.File{f, between})
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*catalog.File, error) {
		return tx.Files(catalog.FileFilter{Account: f.Account, NameMAC: f.NameMAC})
	}), []*catalog.File{f})
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*catalog.File, error) {
		return tx.FileByDelivery(f.Account, f.Delivery.MAC, time.Time{})
	}), f)
	if body := get(t, c, func(tx *catalog.Tx) ([]byte, error) { return tx.Inline(f.ID) }); string(body) != "body" {
		t.Errorf("body %q", body)
	}
	f.Number = between.Number
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.SaveFile(f) }), fault.Exists)
}

func testFileFilters(t *testing.T, c *catalog.Catalog) {
	a, b, mac := ID(), ID(), MAC()
	var all []*catalog.File // oldest first
	add := func(f catalog.File) {
		f.ReceivedAt = noon.Add(time.Duration(len(all)) * time.Minute)
		all = append(all, addFile(t, c, f))
	}
	add(catalog.File{Account: a, State: catalog.Deleted, Source: "sftp", Node: "one"})
	add(catalog.File{Account: b, State: catalog.Held, Source: "sftp", Node: "one", NameMAC: mac, Result: catalog.Result{Format: "bankgirot.lb", Codes: []string{"bad-date"}}})
	add(catalog.File{Account: a, State: catalog.Held, Source: "api", Node: "two", NameMAC: mac, Result: catalog.Result{Format: "bankgirot.lb", Codes: []string{"bad-date-of-all", "bad-sum"}}})
	add(catalog.File{Account: a, State: catalog.Delivered, Source: "gateway", Node: "one", Direction: catalog.Out})
	add(catalog.File{Account: a, State: catalog.Erased, Source: "sftp", Node: "one", NameMAC: mac})
	add(catalog.File{Account: b, State: catalog.Kept, Source: "sftp", Node: "two"})

	for _, test := range []struct {
		name   string
		filter catalog.FileFilter
		want   []int
	}{
		{"all", catalog.FileFilter{}, []int{5, 4, 3, 2, 1, 0}},
		{"limit", catalog.FileFilter{Limit: 2}, []int{5, 4}},
		{"before", catalog.FileFilter{Before: all[2].Number, Limit: -1}, []int{1, 0}},
		{"account", catalog.FileFilter{Account: a}, []int{4, 3, 2, 0}},
		{"rare state", catalog.FileFilter{State: catalog.Held}, []int{2, 1}},
		{"rare state of an account", catalog.FileFilter{State: catalog.Held, Account: b}, []int{1}},
		{"usual state", catalog.FileFilter{State: catalog.Kept}, []int{5}},
		{"usual state of an account", catalog.FileFilter{State: catalog.Deleted, Account: a}, []int{0}},
		{"erased", catalog.FileFilter{State: catalog.Erased}, []int{4}},
		{"source", catalog.FileFilter{Source: "sftp", Account: b}, []int{5, 1}},
		{"direction", catalog.FileFilter{Direction: catalog.Out}, []int{3}},
		{"node", catalog.FileFilter{Node: "two"}, []int{5, 2}},
		{"since", catalog.FileFilter{Since: noon.Add(4 * time.Minute)}, []int{5, 4}},
		{"until", catalog.FileFilter{Since: noon.Add(time.Minute), Until: noon.Add(4 * time.Minute)}, []int{3, 2, 1}},
		{"format", catalog.FileFilter{Format: "bankgirot.lb"}, []int{2, 1}},
		{"format of an account", catalog.FileFilter{Format: "bankgirot.lb", Account: a}, []int{2}},
		{"code", catalog.FileFilter{Code: "bad-date"}, []int{1}},
		{"no such code", catalog.FileFilter{Code: "bad"}, nil},
		{"code of an account", catalog.FileFilter{Account: a, Code: "bad-sum"}, []int{2}},
		{"code and usual state of an account", catalog.FileFilter{Account: a, Code: "bad-sum", State: catalog.Kept}, nil},
		{"no such code of an account", catalog.FileFilter{Account: a, Code: "bad-date"}, nil},
		{"name", catalog.FileFilter{Account: a, NameMAC: mac}, []int{4, 2}},
		{"name and state", catalog.FileFilter{Account: a, NameMAC: mac, State: catalog.Held}, []int{2}},
	} {
		got := get(t, c, func(tx *catalog.Tx) ([]*catalog.File, error) { return tx.Files(test.filter) })
		var want []*catalog.File
		for _, i := range test.want {
			want = append(want, all[i])
		}
		t.Run(test.name, func(t *testing.T) { wantSame(t, got, want) })
		if test.filter.Account == uuid.Nil || test.filter.NameMAC != nil {
			continue
		}
		var named []catalog.Named
		for _, f := range want {
			named = append(named, catalog.Named{Number: f.Number, ID: f.ID, Name: f.Name, State: f.State, Reason: f.Reason})
		}
		t.Run(test.name+", names", func(t *testing.T) {
			wantSame(t, get(t, c, func(tx *catalog.Tx) ([]catalog.Named, error) { return tx.Names(test.filter) }), named)
		})
	}
	View(t, c, func(tx *catalog.Tx) error {
		_, err := tx.Files(catalog.FileFilter{NameMAC: mac})
		wantKind(t, err, fault.Invalid)
		n, err := tx.CountFiles(catalog.Held)
		if n != 2 {
			t.Errorf("%d held files", n)
		}
		return err
	})
	for i, f := range all[1:] {
		if f.Number <= all[i].Number {
			t.Errorf("arrival number %d after %d", f.Number, all[i].Number)
		}
	}
}

func testDeliveries(t *testing.T, c *catalog.Catalog) {
	a, mac := ID(), MAC()
	add := func(account uuid.UUID, at time.Time) *catalog.File {
		return addFile(t, c, catalog.File{Account: account, Times: catalog.Times{BeganAt: at}, Delivery: catalog.Delivery{MAC: mac}})
	}
	add(a, noon)
	newest := add(a, noon.Add(time.Hour))
	add(ID(), noon.Add(2*time.Hour))
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*catalog.File, error) { return tx.FileByDelivery(a, mac, noon) }), newest)
	err := c.View(context.Background(), func(tx *catalog.Tx) error {
		_, err := tx.FileByDelivery(a, mac, noon.Add(90*time.Minute))
		return err
	})
	wantKind(t, err, fault.NotFound)
}

func testGrants(t *testing.T, c *catalog.Catalog) {
	grant := func(key string, data byte) catalog.Grant {
		return catalog.Grant{Key: key, Data: bytes.Repeat([]byte{data}, 1000)}
	}
	x := addFile(t, c, catalog.File{Account: ID(), Grant: grant("monday", 1)})
	y := addFile(t, c, catalog.File{Account: ID(), Grant: grant("tuesday", 2)})
	addFile(t, c, catalog.File{Account: ID()})
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*catalog.File, error) { return tx.GrantsUnder("monday", 10) }), []*catalog.File{x})
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*catalog.File, error) { return tx.GrantsNotUnder("monday", 10) }), []*catalog.File{y})
	wantSame(t, get(t, c, (*catalog.Tx).GrantKeys), []string{"monday", "tuesday"})

	x.Grant = grant("tuesday", 3)
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutGrant(x.ID, x.Grant) })
	wantSame(t, getFile(t, c, x.ID), x)
	x.Grant.Data = []byte("again for the same key")
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveFile(x) })
	wantSame(t, getFile(t, c, x.ID), x)

	// Taking one away leaves the other, and its slot is used again.
	x.Grant = catalog.Grant{}
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveFile(x) })
	z := addFile(t, c, catalog.File{Account: ID(), Grant: grant("tuesday", 4)})
	for _, f := range []*catalog.File{x, y, z} {
		wantSame(t, getFile(t, c, f.ID), f)
	}
	Update(t, c, func(tx *catalog.Tx) error {
		return errors.Join(tx.DeleteGrant(y.ID), tx.DeleteGrant(z.ID), tx.DeleteGrant(x.ID), tx.DeleteGrant(ID()))
	})
	if keys := get(t, c, (*catalog.Tx).GrantKeys); len(keys) > 0 {
		t.Errorf("grants are left for %v", keys)
	}
}

func testInline(t *testing.T, c *catalog.Catalog) {
	x := addFile(t, c, catalog.File{Account: ID(), State: catalog.Kept})
	y := addFile(t, c, catalog.File{Account: ID(), State: catalog.Kept})
	z := addFile(t, c, catalog.File{Account: ID(), State: catalog.Received})
	Update(t, c, func(tx *catalog.Tx) error {
		return errors.Join(tx.PutInline(y.ID, make([]byte, 1000)), tx.PutInline(z.ID, nil), tx.PutInline(x.ID, []byte("body")))
	})
	View(t, c, func(tx *catalog.Tx) error {
		body, err := tx.Inline(x.ID)
		if err != nil || string(body) != "body" {
			t.Errorf("body %q, %v", body, err)
		}
		n, err := tx.InlineBytes()
		if n != 1004 {
			t.Errorf("%d bytes inline", n)
		}
		return err
	})
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]uuid.UUID, error) { return tx.InlineFiles(catalog.Kept, 10) }), []uuid.UUID{x.ID, y.ID})
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.PutInline(x.ID, nil) }), fault.Exists)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.PutInline(ID(), nil) }), fault.NotFound)
	Update(t, c, func(tx *catalog.Tx) error { return errors.Join(tx.DeleteInline(x.ID), tx.DeleteInline(x.ID)) })
	if n := get(t, c, (*catalog.Tx).InlineBytes); n != 1000 {
		t.Errorf("%d bytes inline", n)
	}
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		_, err := tx.Inline(x.ID)
		return err
	}), fault.NotFound)
}

func testDeleteFile(t *testing.T, c *catalog.Catalog) {
	l := addLogin(t, c, Account(t, c, "acme").ID)
	f := addFile(t, c, catalog.File{Account: l.Account, Grant: catalog.Grant{Key: "k", Data: []byte{1}}})
	Update(t, c, func(tx *catalog.Tx) error {
		return errors.Join(tx.PutInline(f.ID, []byte{1}),
			tx.InsertEntry(&catalog.Entry{ID: ID(), Login: l.ID, NameMAC: MAC(), Name: []byte{1}, File: f.ID}),
			tx.InsertEntry(&catalog.Entry{ID: ID(), Login: l.ID, NameMAC: MAC(), Name: []byte{1}, Dir: true}))
	})
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteFile(f.ID) })
	View(t, c, func(tx *catalog.Tx) error {
		_, err := tx.File(f.ID)
		wantKind(t, err, fault.NotFound)
		names, err1 := tx.Entries(l.ID, uuid.Nil)
		inline, err2 := tx.InlineBytes()
		keys, err3 := tx.GrantKeys()
		if len(names) != 1 || inline != 0 || len(keys) != 0 {
			t.Errorf("left behind: %d names, %d bytes, %d grants", len(names)-1, inline, len(keys))
		}
		return errors.Join(err1, err2, err3)
	})
}

func testEntries(t *testing.T, c *catalog.Catalog) {
	account := Account(t, c, "acme")
	l, m := addLogin(t, c, account.ID), addLogin(t, c, account.ID)
	dir := &catalog.Entry{ID: ID(), Login: l.ID, NameMAC: MAC(), Name: []byte("sealed"), Dir: true, CreatedAt: noon, MTime: noon}
	file := &catalog.Entry{
		ID: ID(), Login: l.ID, Parent: dir.ID, NameMAC: MAC(), Name: []byte("sealed"), File: ID(),
		CreatedAt: noon, MTime: noon, Until: noon.Add(time.Hour),
	}
	Update(t, c, func(tx *catalog.Tx) error { return errors.Join(tx.InsertEntry(dir), tx.InsertEntry(file)) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*catalog.Entry, error) { return tx.Entries(l.ID, uuid.Nil) }), []*catalog.Entry{dir})
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*catalog.Entry, error) { return tx.EntryByName(l.ID, dir.ID, file.NameMAC) }), file)
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*catalog.Entry, error) { return tx.EntriesOf(file.File) }), []*catalog.Entry{file})

	same := *file
	same.ID = ID()
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.InsertEntry(&same) }), fault.Exists)
	same.Login = m.ID // another login's tree
	Update(t, c, func(tx *catalog.Tx) error { return tx.InsertEntry(&same) })

	file.Parent, file.NameMAC, file.Name, file.MTime = uuid.Nil, MAC(), []byte("renamed"), noon.Add(time.Second)
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveEntry(file) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*catalog.Entry, error) { return tx.Entry(file.ID) }), file)
	file.NameMAC = dir.NameMAC
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.SaveEntry(file) }), fault.Exists)

	removed := 0
	Update(t, c, func(tx *catalog.Tx) (err error) {
		removed, err = tx.DeleteEntries(noon.Add(2*time.Hour), 10)
		return err
	})
	if removed != 2 {
		t.Errorf("%d names removed; folders stay", removed)
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteEntry(dir.ID) })
}

func testAudit(t *testing.T, c *catalog.Catalog) {
	_, key, _ := ed25519.GenerateKey(nil)
	signer, err := audit.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := audit.NewVerifier(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	a := ID()
	var all []*audit.Entry // oldest first
	for i := range 5 {
		e := audit.Entry{
			ID: ID(), Time: noon.Add(time.Duration(i) * time.Second), Actor: audit.Gateway, Action: "file.received",
			Object: ID().String(), Detail: map[string]string{"size": "5", "after": "x"},
		}
		if i%2 == 0 {
			e.Account = a
		}
		all = append(all, &e)
		Update(t, c, func(tx *catalog.Tx) error { return tx.Audit(e) })
	}
	entries := func(filter trail.Filter) []*audit.Entry {
		return get(t, c, func(tx *catalog.Tx) ([]*audit.Entry, error) { return tx.AuditEntries(filter) })
	}
	wantSame(t, entries(trail.Filter{Limit: 2}), []*audit.Entry{all[4], all[3]})
	wantSame(t, entries(trail.Filter{Account: a, Before: all[4].ID}), []*audit.Entry{all[2], all[0]})
	wantSame(t, entries(trail.Filter{Since: all[3].Time}), []*audit.Entry{all[4], all[3]})

	if n, err := c.Sequence(context.Background(), signer); n != 5 || err != nil {
		t.Fatalf("%d entries sequenced, %v", n, err)
	}
	// Those that have their place in the tree and those that wait are one list.
	early := audit.Entry{ID: uuid.UUID{15: 1}, Time: noon, Account: a, Actor: audit.Gateway, Action: "file.sent"}
	late := audit.Entry{ID: ID(), Time: noon, Account: a, Actor: audit.Gateway, Action: "file.sent"}
	Update(t, c, func(tx *catalog.Tx) error { return errors.Join(tx.Audit(late), tx.Audit(early)) })
	wantSame(t, entries(trail.Filter{Account: a, Limit: 4}), []*audit.Entry{&late, all[4], all[2], all[0]})
	wantSame(t, entries(trail.Filter{Account: a, Before: all[2].ID}), []*audit.Entry{all[0], &early})
	// What happened to one thing, in order, numbered or not.
	again := audit.Entry{ID: ID(), Time: noon, Account: a, Actor: audit.Gateway, Action: "file.kept", Object: all[1].Object}
	Update(t, c, func(tx *catalog.Tx) error { return tx.Audit(again) })
	for limit, want := range map[int][]*audit.Entry{10: {all[1], &again}, 2: {all[1], &again}, 1: {all[1]}} {
		wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*audit.Entry, error) { return tx.AuditOf(all[1].Object, limit) }), want)
	}
	if n, err := c.Sequence(context.Background(), signer); n != 3 || err != nil {
		t.Fatalf("%d entries sequenced, %v", n, err)
	}
	if n, err := c.Sequence(context.Background(), signer); n != 0 || err != nil {
		t.Fatalf("%d entries sequenced twice, %v", n, err)
	}
	head := get(t, c, (*catalog.Tx).AuditHead)
	report, err := c.VerifyAudit(context.Background(), verifier, head)
	if err != nil || report.Entries != 8 || report.Heads != 2 {
		t.Fatalf("report %+v, %v", report, err)
	}
	// The change does not happen when its entry cannot be written.
	fails(t, c, func(tx *catalog.Tx) error {
		if err := tx.SetSetting("a", "1"); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Actor: "x", Action: "file.received", Detail: map[string]string{"name": "Löner november.xml"}})
	})
	if got := setting(t, c, "a"); got != "" {
		t.Error("a change without its audit entry is there")
	}
}
