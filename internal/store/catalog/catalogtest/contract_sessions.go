package catalogtest

import (
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

func testSessions(t *testing.T, c *catalog.Catalog) {
	acme := Account(t, c, "acme")
	anna, bo := addLogin(t, c, acme.ID), addLogin(t, c, acme.ID)
	begin := func(l *logins.Login, at time.Time) *logins.Session {
		t.Helper()
		v := &logins.Session{
			ID: ID(), Login: l.ID, Hash: MAC(), Stage: "full", Method: "password", Stands: MAC(), About: []byte("sealed"),
			CreatedAt: at, SeenAt: at, ProvedAt: at, Until: at.Add(8 * time.Hour),
		}
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertSession(v) })
		return v
	}
	sessions := func(l *logins.Login) []*logins.Session {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) ([]*logins.Session, error) { return tx.Sessions(l.ID) })
	}
	second, first, third := begin(anna, noon.Add(time.Minute)), begin(anna, noon), begin(anna, noon.Add(2*time.Minute))
	other := begin(bo, noon)
	wantSame(t, sessions(anna), []*logins.Session{first, second, third})

	old := first.Hash
	first.Hash, first.Stage, first.Method, first.Stands = MAC(), "code", "link", MAC()
	first.SeenAt, first.ProvedAt, first.Until = noon.Add(time.Second), time.Time{}, noon.Add(time.Hour)
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveSession(first, old) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.Session, error) { return tx.SessionByHash(first.Hash) }), first)
	first.SeenAt = noon.Add(30 * time.Minute)
	Update(t, c, func(tx *catalog.Tx) error { return tx.TouchSession(first.ID, first.SeenAt) })
	wantSame(t, sessions(anna), []*logins.Session{first, second, third})

	// Nobody ends another one's session.
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.DeleteSession(bo.ID, first.ID) }), fault.NotFound)
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteSession(anna.ID, second.ID) })
	for _, gone := range []func(*catalog.Tx) error{
		func(tx *catalog.Tx) error { _, err := tx.SessionByHash(old); return err },
		func(tx *catalog.Tx) error { _, err := tx.SessionByHash(second.Hash); return err },
		func(tx *catalog.Tx) error { return tx.TouchSession(second.ID, noon) },
		func(tx *catalog.Tx) error { return tx.SaveSession(second, second.Hash) },
		func(tx *catalog.Tx) error { return tx.SaveSession(first, old) },
	} {
		wantKind(t, fails(t, c, gone), fault.NotFound)
	}
	var n int64
	Update(t, c, func(tx *catalog.Tx) (err error) { n, err = tx.DeleteSessions(anna.ID, third.ID); return err })
	if n != 1 {
		t.Errorf("%d sessions ended", n)
	}
	wantSame(t, sessions(anna), []*logins.Session{third})
	wantSame(t, sessions(bo), []*logins.Session{other})

	idle := begin(bo, noon.Add(time.Hour))
	Update(t, c, func(tx *catalog.Tx) error { return tx.SweepSessions(other.Until, noon.Add(3*time.Minute)) })
	wantSame(t, sessions(anna), []*logins.Session(nil))
	wantSame(t, sessions(bo), []*logins.Session{idle})
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteLogin(bo.ID) })
	wantSame(t, sessions(bo), []*logins.Session(nil))
}

func testCeremonies(t *testing.T, c *catalog.Catalog) {
	a, b := &logins.Ceremony{Hash: MAC(), Until: noon}, &logins.Ceremony{Hash: MAC(), Until: noon.Add(time.Minute)}
	insert := func(v *logins.Ceremony) error {
		return c.Update(t.Context(), func(tx *catalog.Tx) error { return tx.InsertCeremony(v) })
	}
	for _, v := range []*logins.Ceremony{a, b} {
		if err := insert(v); err != nil {
			t.Fatal(err)
		}
		wantKind(t, insert(v), fault.Exists)
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.SweepCeremonies(noon) })
	if err := insert(a); err != nil {
		t.Errorf("what is over is kept: %v", err)
	}
	wantKind(t, insert(b), fault.Exists)
}

func testFactors(t *testing.T, c *catalog.Catalog) {
	anna := addLogin(t, c, Account(t, c, "acme").ID)
	bo := addLogin(t, c, anna.Account)
	codes := &logins.TOTP{Login: anna.ID, LastStep: 100, CreatedAt: noon}
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutTOTP(codes) })
	// A step is used once, and none before it afterwards.
	for _, step := range []int64{100, 99} {
		wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.UseTOTPStep(anna.ID, step) }), fault.NotFound)
	}
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.UseTOTPStep(bo.ID, 101) }), fault.NotFound)
	Update(t, c, func(tx *catalog.Tx) error { return tx.UseTOTPStep(anna.ID, 101) })
	codes.LastStep = 101
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.TOTP, error) { return tx.TOTP(anna.ID) }), codes)
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteTOTP(anna.ID) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.TOTP(anna.ID); return err }), fault.NotFound)

	macs := [][]byte{MAC(), MAC(), MAC()}
	left := func() int64 {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) (int64, error) { return tx.RecoveryCodes(anna.ID) })
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutRecoveryCodes(anna.ID, [][]byte{MAC()}) })
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutRecoveryCodes(anna.ID, macs) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.TakeRecoveryCode(bo.ID, macs[0]) }), fault.NotFound)
	Update(t, c, func(tx *catalog.Tx) error { return tx.TakeRecoveryCode(anna.ID, macs[0]) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.TakeRecoveryCode(anna.ID, macs[0]) }), fault.NotFound)
	if n := left(); n != 2 {
		t.Errorf("%d codes are left", n)
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteRecoveryCodes(anna.ID) })
	if n := left(); n != 0 {
		t.Errorf("%d codes are left", n)
	}

	key := &logins.Passkey{ID: ID(), Login: anna.ID, Credential: MAC(), Name: []byte("sealed"), Record: []byte("{}"), CreatedAt: noon}
	Update(t, c, func(tx *catalog.Tx) error { return tx.InsertPasskey(key) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertPasskey(&logins.Passkey{ID: ID(), Login: bo.ID, Credential: key.Credential, Name: []byte{1}, Record: []byte{1}})
	}), fault.Exists)
	key.Record, key.LastUsed = []byte(`{"count":1}`), noon.Add(time.Hour)
	Update(t, c, func(tx *catalog.Tx) error { return tx.SavePasskey(key) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*logins.Passkey, error) { return tx.PasskeyByCredential(key.Credential) }), key)
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*logins.Passkey, error) { return tx.Passkeys(anna.ID) }), []*logins.Passkey{key})
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.DeletePasskey(bo.ID, key.ID) }), fault.NotFound)
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeletePasskey(anna.ID, key.ID) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*logins.Passkey, error) { return tx.Passkeys(anna.ID) }), []*logins.Passkey(nil))
}
