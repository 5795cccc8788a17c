package catalogtest

import (
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

func testSingleSignOn(t *testing.T, c *catalog.Catalog) {
	acme, zeta := Account(t, c, "acme"), Account(t, c, "zeta")
	anna, bo, cia := addLogin(t, c, acme.ID), addLogin(t, c, acme.ID), addLogin(t, c, zeta.ID)
	v := &logins.SingleSignOn{Account: acme.ID, Settings: []byte("sealed"), ChangedAt: noon}
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutSingleSignOn(v) })
	v.Settings, v.Secret, v.ChangedAt = []byte("others"), ID(), noon.Add(time.Hour)
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutSingleSignOn(v) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.SingleSignOn, error) { return tx.SingleSignOn(acme.ID) }), v)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.SingleSignOn(zeta.ID); return err }), fault.NotFound)

	// A subject is one login's, and a login has one.
	first, second := MAC(), MAC()
	Update(t, c, func(tx *catalog.Tx) error { return tx.BindSubject(anna.ID, first) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.BindSubject(bo.ID, first) }), fault.Exists)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.BindSubject(anna.ID, second) }), fault.Exists)
	Update(t, c, func(tx *catalog.Tx) error { return tx.BindSubject(cia.ID, second) })
	by := func(mac []byte) func(*catalog.Tx) (*logins.Login, error) {
		return func(tx *catalog.Tx) (*logins.Login, error) { return tx.LoginBySubject(mac) }
	}
	wantSame(t, get(t, c, by(first)).ID, anna.ID)
	Update(t, c, func(tx *catalog.Tx) error { return tx.UnbindSubjects(acme.ID) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.LoginBySubject(first); return err }), fault.NotFound)
	wantSame(t, get(t, c, by(second)).ID, cia.ID)

	// Sessions that began by a method end; those of others, and other accounts', stay.
	for _, s := range []struct {
		l      *logins.Login
		method string
	}{{anna, "oidc"}, {anna, "oidc+codes"}, {anna, "oidcs"}, {anna, "password"}, {cia, "oidc"}} {
		row := &logins.Session{
			ID: ID(), Login: s.l.ID, Hash: MAC(), Stage: "full", Method: s.method, Stands: MAC(), About: []byte("sealed"),
			CreatedAt: noon, SeenAt: noon, ProvedAt: noon, Until: noon.Add(time.Hour),
		}
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertSession(row) })
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteSessionsBy(acme.ID, "oidc") })
	for l, want := range map[*logins.Login]int{anna: 2, cia: 1} {
		if got := get(t, c, func(tx *catalog.Tx) ([]*logins.Session, error) { return tx.Sessions(l.ID) }); len(got) != want {
			t.Errorf("%d sessions are left, not %d", len(got), want)
		}
	}

	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteSingleSignOn(acme.ID) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.DeleteSingleSignOn(acme.ID) }), fault.NotFound)
}
