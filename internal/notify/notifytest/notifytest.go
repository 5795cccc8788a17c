// Package notifytest gives tests of what the gateway tells people and programs real
// stores with an account in them.
package notifytest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/custody/custodytest"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// Office is a catalog, a key store and account acme, by a clock to set.
type Office struct {
	T        testing.TB
	Dir      string // of the catalog
	Catalog  *catalog.Catalog
	Keys     *keys.Store
	Custody  *custody.Custodian
	Accounts *account.Service
	Clock    *custodytest.Clock
	Acme     *account.Account
}

// Open returns a new office.
func Open(t testing.TB) *Office {
	t.Helper()
	o := &Office{T: t, Dir: t.TempDir(), Keys: keystest.New(t), Clock: custodytest.NewClock(time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC))}
	o.Reopen()
	if err := o.Accounts.EnsureSystem(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.Acme = o.Account("acme")
	return o
}

// Reopen opens the stores, as after a restart; the catalog must be closed.
func (o *Office) Reopen() {
	o.T.Helper()
	path := filepath.Join(o.Dir, "catalog.db")
	catalogtest.Lay(o.T, path)
	c, err := catalog.Open(o.T.Context(), path, catalog.Options{Now: o.Clock.Now, View: time.Minute}) // the machine may stand still
	if err != nil {
		o.T.Fatal(err)
	}
	o.T.Cleanup(func() { _ = c.Close() }) // closed already when there is another
	o.Catalog = c
	o.Custody = custody.New(o.Keys, c, "node-1", o.Clock.Now)
	o.Accounts = account.New(c, o.Custody, o.Keys, account.Options{Now: o.Clock.Now})
}

// Account adds an account.
func (o *Office) Account(name string) *account.Account {
	o.T.Helper()
	a, err := o.Accounts.AddAccount(o.T.Context(), "test", name, account.Defaults(), account.KeyOptions{})
	if err != nil {
		o.T.Fatal(err)
	}
	return a
}

// File puts a file of acme on record, and an entry that says what happened to it.
func (o *Office) File(state catalog.State, name, action string) *catalog.File {
	o.T.Helper()
	rec, err := o.Custody.Records(o.T.Context(), o.Acme.ID)
	if err != nil {
		o.T.Fatal(err)
	}
	f := &catalog.File{
		ID: catalogtest.ID(), Account: o.Acme.ID, Direction: catalog.In, State: state, Source: "sftp", Body: catalog.Body{Kind: catalog.NoBody},
	}
	f.BeganAt, f.ReceivedAt = o.Clock.Now(), o.Clock.Now()
	f.Name = rec.Seal("file", "name", f.ID, []byte(name))
	catalogtest.Update(o.T, o.Catalog, func(tx *catalog.Tx) error { return tx.InsertFile(f) })
	o.Happens(o.Acme.ID, action, f.ID.String(), nil)
	return f
}

// Happens writes an entry of the audit log and gives it its number.
func (o *Office) Happens(account uuid.UUID, action, object string, detail map[string]string) {
	o.T.Helper()
	catalogtest.Update(o.T, o.Catalog, func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{Account: account, Actor: "test", Action: action, Object: object, Detail: detail})
	})
	o.Number()
}

// Number gives all entries their numbers.
func (o *Office) Number() {
	o.T.Helper()
	signer, err := audit.NewSigner(o.Keys.Identity())
	if err != nil {
		o.T.Fatal(err)
	}
	if _, err := o.Catalog.Sequence(o.T.Context(), signer); err != nil {
		o.T.Fatal(err)
	}
}
