package catalogtest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

func testKeysDue(t *testing.T, c *catalog.Catalog) {
	a := Account(t, c, "acme")
	for i, at := range []struct{ remove, removed time.Time }{
		{}, // not scheduled
		{remove: noon},
		{remove: noon.Add(-time.Hour)},
		{remove: noon.Add(time.Microsecond)},
		{remove: noon.Add(-time.Hour), removed: noon}, // done
	} {
		fingerprint := string(rune('0' + i))
		Update(t, c, func(tx *catalog.Tx) error {
			return errors.Join(
				tx.InsertCertificate(&catalog.Certificate{
					Fingerprint: fingerprint, Account: a.ID, DER: []byte{1}, CreatedAt: noon, RemoveAt: at.remove, RemovedAt: at.removed,
				}),
				tx.InsertAccessKey(&catalog.AccessKey{
					ID: ID(), Account: a.ID, Fingerprint: fingerprint, Public: []byte{1}, CreatedAt: noon, RemoveAt: at.remove, RemovedAt: at.removed,
				}))
		})
	}
	View(t, c, func(tx *catalog.Tx) error {
		certificates, err1 := tx.CertificatesDue(noon)
		keys, err2 := tx.AccessKeysDue(noon)
		if len(certificates) != 2 || certificates[0].Fingerprint != "2" || certificates[1].Fingerprint != "1" {
			t.Errorf("certificates due: %+v", certificates)
		}
		if len(keys) != 2 || keys[0].Fingerprint != "2" || keys[1].Fingerprint != "1" {
			t.Errorf("access keys due: %+v", keys)
		}
		return errors.Join(err1, err2)
	})
}

func testStatements(t *testing.T, c *catalog.Catalog) {
	a, b := ID(), ID()
	var all []*catalog.Statement // oldest first
	for _, account := range []uuid.UUID{a, b, a} {
		s := &catalog.Statement{ID: ID(), Account: account, Kind: "certificate-removed", Object: "01", CreatedAt: noon, Text: []byte("draft")}
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertStatement(s) })
		all = append(all, s)
	}
	statements := func(account uuid.UUID, limit int) []*catalog.Statement {
		return get(t, c, func(tx *catalog.Tx) ([]*catalog.Statement, error) { return tx.Statements(account, limit) })
	}
	wantSame(t, statements(a, 0), []*catalog.Statement{all[2], all[0]})
	wantSame(t, statements(a, 1), []*catalog.Statement{all[2]})
	wantSame(t, get(t, c, (*catalog.Tx).UnsignedStatements), all)

	all[0].Text, all[0].Signed = []byte("a signed note"), true
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveStatement(all[0]) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*catalog.Statement, error) { return tx.Statement(all[0].ID) }), all[0])
	wantSame(t, get(t, c, (*catalog.Tx).UnsignedStatements), all[1:])
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.InsertStatement(all[0]) }), fault.Exists)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.SaveStatement(&catalog.Statement{ID: ID()}) }), fault.NotFound)
}

// lockFor is tx.LockFor in an Update of its own.
func lockFor(t *testing.T, c *catalog.Catalog, account uuid.UUID, certificates, keys []string) (id int64) {
	t.Helper()
	Update(t, c, func(tx *catalog.Tx) (err error) {
		id, err = tx.LockFor(account, certificates, keys)
		return err
	})
	return id
}

func testLocks(t *testing.T, c *catalog.Catalog) {
	a, b := ID(), ID()
	one := lockFor(t, c, a, []string{"02", "01"}, []string{"ff"})
	if one == 0 {
		t.Fatal("0 is the number of no lock")
	}
	if again := lockFor(t, c, a, []string{"01", "02", "01"}, []string{"ff"}); again != one {
		t.Errorf("the same keys in another order are lock %d, not %d", again, one)
	}
	two := lockFor(t, c, a, []string{"01", "02"}, []string{"ee", "ff"})
	other := lockFor(t, c, b, []string{"01", "02"}, []string{"ff"})
	if two == one || other == one || other == two {
		t.Errorf("locks %d, %d and %d are not told apart", one, two, other)
	}
	want := []*catalog.Lock{
		{ID: one, Account: a, Certificates: []string{"01", "02"}, AccessKeys: []string{"ff"}},
		{ID: two, Account: a, Certificates: []string{"01", "02"}, AccessKeys: []string{"ee", "ff"}},
	}
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*catalog.Lock, error) { return tx.Locks(a) }), want)
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*catalog.Lock, error) { return tx.Lock(two) }), want[1])
	for _, half := range [][2][]string{{nil, {"ff"}}, {{"01"}, nil}} {
		wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
			_, err := tx.LockFor(a, half[0], half[1])
			return err
		}), fault.Invalid)
	}
}

func testSealedUnder(t *testing.T, c *catalog.Catalog) {
	account := ID()
	one := lockFor(t, c, account, []string{"01"}, []string{"ff"})
	two := lockFor(t, c, account, []string{"02"}, []string{"ff"})
	lockFor(t, c, account, []string{"03"}, []string{"ff"}) // nothing is sealed under it
	add := func(lock int64, state catalog.State, kind catalog.BodyKind, size int64, received time.Time) *catalog.File {
		return addFile(t, c, catalog.File{
			Account: account, State: state, Body: catalog.Body{Kind: kind}, Content: catalog.Content{Size: size},
			Times: catalog.Times{BeganAt: noon, ReceivedAt: received}, Lock: lock,
		})
	}
	var under []*catalog.File // lock one, by id
	under = append(under, add(one, catalog.Kept, catalog.VaultBody, 10, noon.Add(time.Hour)))
	under = append(under, add(one, catalog.Received, catalog.InlineBody, 5, noon))
	arriving := add(two, catalog.Arriving, catalog.VaultBody, 0, time.Time{})
	add(one, catalog.Erased, catalog.NoBody, 100, noon.Add(-time.Hour))
	add(0, catalog.Received, catalog.VaultBody, 1000, noon) // opens by its grant alone
	under = append(under, add(one, catalog.Waiting, catalog.VaultBody, 1, noon.Add(time.Minute)))

	sealed := func() []catalog.Sealed {
		return get(t, c, func(tx *catalog.Tx) ([]catalog.Sealed, error) { return tx.SealedUnder(account) })
	}
	wantSame(t, sealed(), []catalog.Sealed{
		{Lock: one, Files: 3, Bytes: 16, Oldest: noon, Newest: noon.Add(time.Hour)},
		{Lock: two, Files: 1},
	})
	page := func(lock int64, after uuid.UUID, limit int) []*catalog.File {
		return get(t, c, func(tx *catalog.Tx) ([]*catalog.File, error) { return tx.FilesUnder(lock, after, limit) })
	}
	wantSame(t, page(one, uuid.Nil, 2), under[:2])
	wantSame(t, page(one, under[1].ID, 2), under[2:])
	wantSame(t, page(one, under[2].ID, 2), []*catalog.File(nil))

	// Sealed anew under the other lock, and erased.
	under[0].Lock = two
	under[1].State, under[1].Body = catalog.Erased, catalog.Body{Kind: catalog.NoBody}
	arriving.State, arriving.Body = catalog.Erased, catalog.Body{Kind: catalog.NoBody}
	Update(t, c, func(tx *catalog.Tx) error {
		return errors.Join(tx.SaveFile(under[0]), tx.SaveFile(under[1]), tx.SaveFile(arriving))
	})
	wantSame(t, sealed(), []catalog.Sealed{
		{Lock: one, Files: 1, Bytes: 1, Oldest: noon.Add(time.Minute), Newest: noon.Add(time.Minute)},
		{Lock: two, Files: 1, Bytes: 10, Oldest: noon.Add(time.Hour), Newest: noon.Add(time.Hour)},
	})
}

func testFilesToErase(t *testing.T, c *catalog.Catalog) {
	account := ID()
	add := func(of uuid.UUID, state catalog.State, kind catalog.BodyKind, received time.Time) *catalog.File {
		return addFile(t, c, catalog.File{
			Account: of, State: state, Body: catalog.Body{Kind: kind}, Times: catalog.Times{ReceivedAt: received},
		})
	}
	second := add(account, catalog.Kept, catalog.InlineBody, noon.Add(-time.Hour))
	first := add(account, catalog.Kept, catalog.VaultBody, noon.Add(-2*time.Hour))
	young := add(account, catalog.Kept, catalog.VaultBody, noon)
	add(account, catalog.Held, catalog.VaultBody, noon.Add(-time.Hour))
	add(account, catalog.Erased, catalog.NoBody, noon.Add(-time.Hour))
	add(ID(), catalog.Kept, catalog.VaultBody, noon.Add(-time.Hour))
	erase := func(before time.Time, limit int) []*catalog.File {
		return get(t, c, func(tx *catalog.Tx) ([]*catalog.File, error) { return tx.FilesToErase(account, before, limit) })
	}
	wantSame(t, erase(noon, 10), []*catalog.File{first, second})
	wantSame(t, erase(noon, 1), []*catalog.File{first})
	wantSame(t, erase(noon.Add(1*time.Microsecond), -1), []*catalog.File{first, second, young})
}
