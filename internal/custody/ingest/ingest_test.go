package ingest_test

import (
	"testing"
	"time"

	"sealgate/internal/custody/ingest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// node is a keeper with everything around it.
type node struct {
	*ingest.Keeper
	t       *testing.T
	ks      *keys.Store
	cat     *catalog.Catalog
	account *catalog.Account
	now     time.Time
}

func newNode(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, ks: keystest.New(t), cat: catalogtest.Open(t), now: time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC)}
	n.account = catalogtest.Account(t, n.cat, "acme")
	n.Keeper = ingest.New(n.ks, n.cat, "node-1", func() time.Time { return n.now }, func(string) error { return nil })
	return n
}

// file puts a file with a grant on record.
func (n *node) file() *catalog.File {
	n.t.Helper()
	f := &catalog.File{
		ID: catalogtest.ID(), Account: n.account.ID, Direction: catalog.In, State: catalog.Received, Source: "sftp",
		Times: catalog.Times{BeganAt: n.now}, Body: catalog.Body{Kind: catalog.NoBody},
	}
	a, b := seal.NewShares()
	key := seal.DeriveFileKey(a, b, f.ID)
	catalogtest.Update(n.t, n.cat, func(tx *catalog.Tx) error {
		current, err := n.Current()
		if err != nil {
			return err
		}
		data, err := seal.WrapGrant(key, current.Public, seal.Binding{File: f.ID, Account: f.Account})
		if err != nil {
			return err
		}
		f.Grant = catalog.Grant{Key: current.Fingerprint.String(), Data: data}
		return tx.InsertFile(f)
	})
	return f
}

// opens opens a file as it was read before: its grant may be another one now.
func (n *node) opens(f *catalog.File) error {
	key, err := n.Open(n.t.Context(), f)
	if err == nil {
		key.Wipe()
	}
	return err
}

func (n *node) days() (days []string) {
	for _, k := range n.ks.IngestKeys() {
		days = append(days, k.Day)
	}
	return days
}

func TestAKeyLivesOneDay(t *testing.T) {
	n := newNode(t)
	f := n.file()
	first, err := n.Current()
	if err != nil {
		t.Fatal(err)
	}
	n.now = n.now.Add(30 * time.Minute)
	if err := n.Change(t.Context()); err != nil {
		t.Fatal(err)
	}
	if same, err := n.Current(); err != nil || same != first {
		t.Errorf("another key on the same day: %v, %v", same, err)
	}
	n.now = n.now.Add(time.Hour)
	if err := n.Change(t.Context()); err != nil {
		t.Fatal(err)
	}
	if days := n.days(); len(days) != 1 || days[0] != "2026-11-22" {
		t.Errorf("keys of %v", days)
	}
	if err := n.opens(f); err != nil {
		t.Errorf("the file does not open under the new day's key: %v", err)
	}
}

// A grant in a backup of today opens nothing from then on; one on record does.
func TestEndedGrantsOpenNothing(t *testing.T) {
	n := newNode(t)
	atRest, moving := n.file(), n.file()
	catalogtest.Update(t, n.cat, func(tx *catalog.Tx) error { return tx.DeleteGrant(atRest.ID) })
	if err := n.opens(atRest); err != nil {
		t.Errorf("the old grant is worth nothing yet: %v", err)
	}
	if err := n.EndGrants(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.opens(atRest); !fault.Is(err, fault.Locked) {
		t.Errorf("the file at rest: %v", err)
	}
	if err := n.opens(moving); err != nil {
		t.Errorf("the file that moves: %v", err)
	}
	if days := n.days(); len(days) != 1 || days[0] != "2026-11-21" {
		t.Errorf("keys of %v", days)
	}
}

func TestGrantsThatDoNotOpen(t *testing.T) {
	n := newNode(t)
	none, damaged, foreign, gone := n.file(), n.file(), n.file(), n.file()
	none.Grant = catalog.Grant{}
	damaged.Grant.Data[5] ^= 1
	foreign.Grant = n.file().Grant
	catalogtest.Update(t, n.cat, func(tx *catalog.Tx) error { return tx.DeleteGrant(gone.ID) })
	gone.Grant.Key = seal.Fingerprint{1}.String()
	for what, c := range map[string]struct {
		f    *catalog.File
		kind fault.Kind
	}{
		"no grant":             {none, fault.Locked},
		"a damaged one":        {damaged, fault.Damaged},
		"another file's":       {foreign, fault.Damaged},
		"of a key that is not": {gone, fault.Locked},
	} {
		if err := n.opens(c.f); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v, want %v", what, err, c.kind)
		}
	}
}
