package account

import (
	"crypto/hpke"
	"net/netip"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// removeLastCertificate shreds the account's names.
func (o *office) removeLastCertificate(name string) {
	o.t.Helper()
	a, err := o.Account(o.t.Context(), name)
	if err != nil {
		o.t.Fatal(err)
	}
	certs, err := o.keys.Certificates(o.t.Context(), a.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := o.keys.Remove(o.t.Context(), "test", custody.Target{Account: a.ID, Certificate: certs[0].Fingerprint}, name); err != nil {
		o.t.Fatal(err)
	}
}

func TestWithoutACertificateNobodyIsKnown(t *testing.T) {
	o := openOffice(t)
	line, blob := newKey(t)
	l, password := o.add(NewLogin{Username: "robot", AllowFrom: []string{"198.51.100.0/24"}})
	o.add(NewLogin{Username: "keyed", SSHKeys: []string{line}})
	who, err := o.Password(t.Context(), Attempt{Username: "robot", Source: home, Door: SFTP}, []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	o.removeLastCertificate("acme")

	if o.StillValid(t.Context(), who) {
		t.Error("a session outlives the account's last certificate")
	}
	wantKind(t, o.try("robot", password, home), fault.Denied)
	wantKind(t, o.OfferKey(t.Context(), Attempt{Username: "keyed", Source: home, Door: SFTP}, blob), fault.Denied)
	if err := o.cat.Checkpoint(t.Context()); err != nil { // what the gateway does each minute
		t.Fatal(err)
	}
	if n := o.grep("argon2id"); n != "" {
		t.Errorf("a password hash is left in %s", n)
	}
	all, err := o.Logins(t.Context(), "acme")
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, l := range all {
		if !l.Unreadable || l.Username != "" || l.Password {
			t.Errorf("%+v", l)
		}
	}
	_, _, err = o.AddLogin(t.Context(), "test", "acme", NewLogin{Username: "new"})
	wantKind(t, err, fault.Locked)

	// A new certificate opens it again, with new names; the old stay shut.
	if _, err := o.keys.RenewCertificate(t.Context(), "test", o.account.ID); err != nil {
		t.Fatal(err)
	}
	again, password := o.add(NewLogin{Username: "robot"})
	if err := o.try("robot", password, home); err != nil {
		t.Errorf("the account is open again, and nobody is let in: %v", err)
	}
	if all, err = o.Logins(t.Context(), "acme"); err != nil || len(all) != 3 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, l := range all {
		if l.Unreadable != (l.ID != again.ID) {
			t.Errorf("%+v", l)
		}
	}
	if o.StillValid(t.Context(), who) {
		t.Errorf("login %s came back", l.ID)
	}
}

// A list of networks that cannot be read lets nobody in, and stays until it is
// set anew: it must not be lost on the way, and open the account to the world.
func TestAnUnreadableAllowListLetsNobodyIn(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	office := []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
	if _, err := o.SetAccount(ctx, "test", "acme", Change{AllowFrom: &office}); err != nil {
		t.Fatal(err)
	}
	o.removeLastCertificate("acme")
	if a, err := o.Account(ctx, "acme"); err != nil || !a.Unreadable || a.State != catalog.AccountClosed {
		t.Fatalf("%+v, %v", a, err)
	}
	if all, err := o.Accounts(ctx); err != nil || len(all) != 1 {
		t.Errorf("the list fails: %v", err)
	}
	if _, err := o.keys.RenewCertificate(ctx, "test", o.account.ID); err != nil {
		t.Fatal(err)
	}
	_, password := o.add(NewLogin{Username: "robot"})
	wantKind(t, o.try("robot", password, home), fault.Denied)
	receipts := true
	if a, err := o.SetAccount(ctx, "test", "acme", Change{Receipts: &receipts}); err != nil || !a.Unreadable || !a.Receipts {
		t.Fatalf("%+v, %v", a, err)
	}
	wantKind(t, o.try("robot", password, home), fault.Denied)
	a, err := o.SetAccount(ctx, "test", "acme", Change{AllowFrom: &office})
	if err != nil || a.Unreadable || len(a.AllowFrom) != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	if err := o.try("robot", password, home); err != nil {
		t.Error(err)
	}
}

// Whoever is signed in is let go when he would not be let in any more.
func TestASessionEndsWithWhatLetItIn(t *testing.T) {
	yes, no := true, false
	far := []string{"203.0.113.0/24"}
	farAway := []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}
	reader := Reader
	for what, c := range map[string]struct {
		login   LoginChange
		account Change
		both    bool // the account wants a key and a password from the start
		ends    bool
	}{
		"nothing":                 {},
		"nothing, both":           {both: true},
		"the password":            {login: LoginChange{NewPassword: true}, ends: true},
		"the password, both":      {login: LoginChange{NewPassword: true}, both: true, ends: true},
		"the door":                {login: LoginChange{SFTP: &no}, ends: true},
		"the role":                {login: LoginChange{Role: &reader}, ends: true},
		"the login's networks":    {login: LoginChange{AllowFrom: &far}, ends: true},
		"the account's networks":  {account: Change{AllowFrom: &farAway}, ends: true},
		"both are asked for now":  {account: Change{RequireBoth: &yes}, ends: true},
		"both are not any more":   {account: Change{RequireBoth: &no}, both: true},
		"the key, both":           {login: LoginChange{RemoveKeys: []string{"the key"}}, both: true, ends: true},
		"a key that was not used": {login: LoginChange{RemoveKeys: []string{"the key"}}},
	} {
		t.Run(what, func(t *testing.T) {
			o := openOffice(t)
			ctx := t.Context()
			if _, err := o.SetAccount(ctx, "test", "acme", Change{RequireBoth: &c.both}); err != nil {
				t.Fatal(err)
			}
			line, blob := newKey(t)
			password := "Tulpan8 cykel mot norr"
			l, _ := o.add(NewLogin{Username: "eva", Password: []byte(password), SSHKeys: []string{line}})
			a := Attempt{Username: "eva", Source: home, Door: SFTP}
			if c.both {
				half, err := o.VerifiedKey(ctx, a, blob)
				if err != nil {
					t.Fatal(err)
				}
				a.Half = half
			}
			who, err := o.Password(ctx, a, []byte(password))
			if err != nil {
				t.Fatal(err)
			}
			if !o.StillValid(ctx, who) {
				t.Fatal("not valid from the start")
			}
			for i := range c.login.RemoveKeys {
				c.login.RemoveKeys[i] = l.Keys[0].Fingerprint
			}
			if _, _, err := o.SetLogin(ctx, "test", "acme", "eva", c.login); err != nil {
				t.Fatal(err)
			}
			if _, err := o.SetAccount(ctx, "test", "acme", c.account); err != nil {
				t.Fatal(err)
			}
			if o.StillValid(ctx, who) == c.ends {
				t.Errorf("still valid: %v", !c.ends)
			}
		})
	}
}

func TestASessionByKeyEndsWithTheKey(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	line, blob := newKey(t)
	other, _ := newKey(t)
	l, _ := o.add(NewLogin{Username: "keyed", SSHKeys: []string{line, other}})
	who, err := o.VerifiedKey(ctx, Attempt{Username: "keyed", Source: home, Door: SFTP}, blob)
	if err != nil || !o.StillValid(ctx, who) {
		t.Fatal(err)
	}
	used, err := ssh.ParsePublicKey(blob)
	if err != nil {
		t.Fatal(err)
	}
	mine := ssh.FingerprintSHA256(used)
	slices.SortFunc(l.Keys, func(a, b Key) int { // the one that was used goes last
		if a.Fingerprint == mine {
			return 1
		}
		return -1
	})
	for _, k := range l.Keys {
		if !o.StillValid(ctx, who) {
			t.Fatal("ended with a key that it does not need")
		}
		change := LoginChange{RemoveKeys: []string{k.Fingerprint}, NewPassword: true}
		if _, _, err := o.SetLogin(ctx, "test", "acme", "keyed", change); err != nil {
			t.Fatal(err)
		}
	}
	if o.StillValid(ctx, who) {
		t.Error("the key is gone, and the session is not")
	}
}

func TestAnAccountWhoseCustomerHoldsTheKeys(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	set := Defaults()
	_, err = o.AddAccount(ctx, "test", "wrong", set, KeyOptions{AccessKey: private.PublicKey()})
	wantKind(t, err, fault.Invalid)
	set.Keys, set.KeyPeriod = catalog.KeysCustomer, catalog.PeriodYear
	for name, k := range map[string]KeyOptions{"later": {}, "now": {AccessKey: private.PublicKey()}} {
		a, err := o.AddAccount(ctx, "test", name, set, k)
		if err != nil {
			t.Fatal(err)
		}
		wantKind(t, o.keys.Ready(ctx, a.ID), fault.Locked)
		list, err := o.keys.AccessKeys(ctx, a.ID)
		if err != nil || (len(list) == 1) != (k.AccessKey != nil) {
			t.Fatalf("%s: %+v, %v", name, list, err)
		}
		for _, key := range list {
			if key.Held != catalog.KeysCustomer || key.Confirmed || key.Here || key.Period != "2026" {
				t.Errorf("%s: %+v", name, key)
			}
		}
	}
	set.KeyPeriod = "month"
	_, err = o.AddAccount(ctx, "test", "monthly", set, KeyOptions{})
	wantKind(t, err, fault.Invalid)
}

// A change of the key period, and the end of an account, count for the next file.
func TestSettingsThatKeysDependOnCountAtOnce(t *testing.T) {
	o := openOffice(t)
	ctx := t.Context()
	row, err := o.row(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	begin := func() error {
		_, err := o.keys.NewFile(ctx, row, true)
		return err
	}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	year := catalog.PeriodYear
	if a, err := o.SetAccount(ctx, "test", "acme", Change{KeyPeriod: &year}); err != nil || a.KeyPeriod != year {
		t.Fatal(a, err)
	}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	if _, err := o.keys.FindAccessKey(ctx, row.ID, "2026"); err != nil {
		t.Errorf("the key of the year was not made: %v", err)
	}
	if err := o.RemoveAccount(ctx, "test", "acme"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, begin(), fault.Locked)
}
