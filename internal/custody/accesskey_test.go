package custody_test

import (
	"bytes"
	"crypto/hpke"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

func newPrivate(t testing.TB) hpke.PrivateKey {
	t.Helper()
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// Nothing is sealed, and nothing accepted, before the customer has shown that he
// can open it.
func TestNothingIsAcceptedBeforeTheRoundTrip(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, content := range []string{catalog.ContentKeep, catalog.ContentDelete} {
		a := w.accountWith(custody.NewAccount{Name: content, Keys: catalog.KeysCustomer}, content)
		refused := func(what string) {
			t.Helper()
			for _, keep := range []bool{true, false} {
				_, err := w.NewFile(ctx, a, keep)
				wantKind(t, err, fault.Locked)
				if !strings.Contains(fault.Message(err), "confirm") {
					t.Errorf("%s: %q", what, fault.Message(err))
				}
			}
			wantKind(t, w.Ready(ctx, a.ID), fault.Locked)
		}
		refused("no key")
		_, err := w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{})
		wantKind(t, err, fault.Invalid) // the gateway makes none for him
		private := newPrivate(t)
		k, err := w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{Public: private.PublicKey()})
		if err != nil || k.Held != catalog.KeysCustomer || k.Confirmed || k.Here {
			t.Fatalf("%+v, %v", k, err)
		}
		refused("not confirmed")
		_, err = w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{Public: private.PublicKey()})
		wantKind(t, err, fault.Exists)

		wantKind(t, w.Confirm(ctx, "op", a.ID, k.ID, []byte("no challenge yet")), fault.Invalid)
		file, until, err := w.Challenge(ctx, "op", a.ID, k.ID)
		if err != nil || !until.Equal(w.clock.Now().AddDate(0, 0, 7)) {
			t.Fatal(until, err)
		}
		if _, err := keyfile.AnswerChallenge(file, newPrivate(t)); err == nil {
			t.Error("another key answers")
		}
		answer, err := keyfile.AnswerChallenge(file, private)
		if err != nil {
			t.Fatal(err)
		}
		for _, wrong := range [][]byte{nil, file, bytes.ToLower(answer), answer[:len(answer)/2]} {
			wantKind(t, w.Confirm(ctx, "op", a.ID, k.ID, wrong), fault.Invalid)
		}
		refused("wrong answers")

		w.clock.Add(8 * 24 * time.Hour)
		wantKind(t, w.Confirm(ctx, "op", a.ID, k.ID, answer), fault.Invalid)
		if file, _, err = w.Challenge(ctx, "op", a.ID, k.ID); err != nil {
			t.Fatal(err)
		}
		wantKind(t, w.Confirm(ctx, "op", a.ID, k.ID, answer), fault.Invalid) // of the one before
		if answer, err = keyfile.AnswerChallenge(file, private); err != nil {
			t.Fatal(err)
		}
		wantKind(t, w.Confirm(ctx, "op", a.ID, uuid.New(), answer), fault.NotFound)
		if err := w.Confirm(ctx, "op", a.ID, k.ID, answer); err != nil {
			t.Fatal(err)
		}
		if err := w.Ready(ctx, a.ID); err != nil {
			t.Error(err)
		}
		if _, err := w.NewFile(ctx, a, true); err != nil {
			t.Error(err)
		}
		if err := w.Confirm(ctx, "op", a.ID, k.ID, answer); err != nil {
			t.Errorf("confirmed twice: %v", err)
		}
		_, _, err = w.Challenge(ctx, "op", a.ID, k.ID)
		wantKind(t, err, fault.Exists)
	}
}

// What is stolen from a customer-held account, by which of its keys.
func TestWhoCanReadACustomerHeldAccount(t *testing.T) {
	w := newWorld(t)
	a, private := w.customer("acme")
	w.changeDay()
	name := w.sealName(a)
	f := w.kept(a)
	w.start()
	// All that the gateway has: names, and no file.
	w.shut(f)
	if w.anyKeyOpens(w.row(f.ID), f) {
		t.Error("the key store opens it")
	}
	w.readable(a, name, true)
	_, _, err := w.ExportAccessKey(t.Context(), "op", a.ID, uuid.Nil)
	wantKind(t, err, fault.Denied)

	have, err := w.ks.Account(a.ID)
	if err != nil {
		t.Fatal(err)
	}
	cert := have.Certificates()[0]
	h, raw, err := seal.ReadHeader(bytes.NewReader(f.Header))
	if err != nil {
		t.Fatal(err)
	}
	// One half is not enough, whatever stands in for the other.
	if _, err := h.FileKey(cert.Key, newPrivate(t)); err == nil {
		t.Error("the certificate alone opens it")
	}
	other := w.account("beta", catalog.ContentKeep)
	theirs, err := w.ks.Account(other.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.FileKey(theirs.Certificates()[0].Key, private); err == nil {
		t.Error("the access key alone opens it")
	}
	k, err := h.FileKey(cert.Key, private)
	if err != nil {
		t.Fatal(err)
	}
	if err := seal.VerifyHeader(raw, k); err != nil {
		t.Errorf("both together do not: %v", err)
	}
	// And without the certificate the names go.
	w.remove(w.certificate(a), "acme")
	w.readable(a, name, false)
}

func TestAnUnlockedAccountIsLockedAgain(t *testing.T) {
	w := newWorld(t)
	a, private := w.customer("acme")
	ctx := t.Context()
	f := w.kept(a)
	w.shut(f)
	unlock := func(d time.Duration) time.Time {
		t.Helper()
		until, err := w.Unlock(ctx, "op", a.ID, private, d)
		if err != nil {
			t.Fatal(err)
		}
		return until
	}
	if until := unlock(0); !until.Equal(w.clock.Now().Add(8 * time.Hour)) {
		t.Errorf("until %v", until)
	}
	w.opens(f)
	if _, ok := w.Unlocked(a.ID); !ok {
		t.Error("it is unlocked, and says no")
	}
	list, err := w.AccessKeys(ctx, a.ID)
	if err != nil || list[0].Unlocked.IsZero() || list[0].Here {
		t.Errorf("%+v, %v", list, err)
	}
	if err := w.Lock(ctx, "op", a.ID); err != nil {
		t.Fatal(err)
	}
	w.shut(f)
	unlock(time.Hour)
	w.clock.Add(time.Hour + time.Second)
	w.shut(f)
	if _, ok := w.Unlocked(a.ID); ok {
		t.Error("its time is over, and it says yes")
	}
	unlock(time.Hour)
	w.restart() // in memory only
	w.shut(f)

	for _, d := range []time.Duration{-time.Hour, 25 * time.Hour} {
		_, err := w.Unlock(ctx, "op", a.ID, private, d)
		wantKind(t, err, fault.Invalid)
	}
	_, err = w.Unlock(ctx, "op", a.ID, newPrivate(t), 0)
	wantKind(t, err, fault.NotFound)
	other, _ := w.customer("beta")
	_, err = w.Unlock(ctx, "op", other.ID, private, 0)
	wantKind(t, err, fault.NotFound)
	unlock(0)
	w.shut(w.kept(other))
	w.opens(f)
	// Removed, it is not lent any more either.
	w.remove(w.accessKey(a), "acme")
	w.shut(f)
	ours := w.account("gamma", catalog.ContentKeep)
	have, err := w.ks.Account(ours.ID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Unlock(ctx, "op", ours.ID, have.AccessKeys()[0].Private, 0)
	wantKind(t, err, fault.Invalid) // the gateway has it anyway
}

// A key under the customer's passphrase lies here and is of no use here.
func TestAKeyUnderAPassphrase(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	private := newPrivate(t)
	sealed, err := keyfile.EncryptAccessKey(private, []byte("en lång fras som ingen gissar"))
	if err != nil {
		t.Fatal(err)
	}
	a := w.accountWith(custody.NewAccount{
		Name: "acme", Keys: catalog.KeysCustomer, Access: custody.NewKey{Public: private.PublicKey(), Encrypted: sealed},
	}, catalog.ContentKeep)
	_, err = w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{Public: newPrivate(t).PublicKey(), Encrypted: sealed})
	wantKind(t, err, fault.Invalid) // halves of two keys
	_, err = w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{Encrypted: sealed})
	wantKind(t, err, fault.Invalid)
	id := w.accessKey(a).AccessKey
	w.restart()
	text, err := w.EncryptedAccessKey(ctx, "op", a.ID, id)
	if err != nil {
		t.Fatal(err)
	}
	if n := w.actions("access-key.fetched-encrypted"); n != 1 {
		t.Errorf("what can be guessed at was handed out, %d times on record", n)
	}
	e, err := keyfile.ParseEncryptedAccessKey(text)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := e.Open([]byte("en lång fras som ingen gissar"))
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.Ready(ctx, a.ID), fault.Locked)
	if _, err := w.Unlock(ctx, "op", a.ID, opened, time.Hour); err != nil { // which shows that he can open
		t.Fatal(err)
	}
	f := w.kept(a)
	w.opens(f)
	w.restart()
	w.shut(f)
	if w.anyKeyOpens(w.row(f.ID), f) {
		t.Error("the gateway can use it")
	}
	l, err := w.Preview(ctx, w.accessKey(a))
	if err != nil || l.Files != 1 || l.Held != catalog.HeldPassphrase {
		t.Fatalf("%+v, %v", l, err)
	}
	w.remove(w.accessKey(a), "acme")
	_, err = w.EncryptedAccessKey(ctx, "op", a.ID, id)
	wantKind(t, err, fault.Invalid)
	if dead, err := w.DeadLocks(ctx, a.ID, w.clock.Now()); err != nil || len(dead) != 1 {
		t.Errorf("%v, %v", dead, err)
	}
	_, err = w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{Public: private.PublicKey(), Encrypted: sealed})
	wantKind(t, err, fault.Invalid) // what was destroyed stays so
}

// A year's key destroyed takes that year's files, and no other's.
func TestAYearIsShreddedWithItsKey(t *testing.T) {
	w := newWorld(t)
	a := w.accountWith(custody.NewAccount{Name: "acme", Keys: catalog.KeysGateway, KeyPeriod: catalog.PeriodYear}, catalog.ContentKeep)
	first := w.kept(a)
	ahead, err := w.NewFile(t.Context(), a, true)
	if err != nil {
		t.Fatal(err)
	}
	w.Fill(t.Context(), a)
	w.clock.Add(42 * 24 * time.Hour) // 2 January
	w.insert(a, ahead)               // began in 2026
	second := w.kept(a)
	id, err := w.FindAccessKey(t.Context(), a.ID, "2026")
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	r := w.remove(custody.Target{Account: a.ID, AccessKey: id}, "acme")
	if d := w.verified(r.Note).Removal; d.Period != "2026" || d.Files != 2 || r.Loss.Stops || !strings.Contains(r.Loss.Sentence, "of 2026") {
		t.Errorf("%+v", d)
	}
	w.shut(first)
	w.opens(second)
	w.opens(w.kept(a))
	_, err = w.FindAccessKey(t.Context(), a.ID, "2026")
	wantKind(t, err, fault.NotFound)
	// A clock that goes back a year makes that year's key anew; nothing returns.
	w.clock.Add(-60 * 24 * time.Hour)
	w.opens(w.kept(a))
	w.shut(first)
	w.opens(second)
}

func TestACustomersYears(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	first := newPrivate(t)
	a := w.accountWith(custody.NewAccount{
		Name: "acme", Keys: catalog.KeysCustomer, KeyPeriod: catalog.PeriodYear, Access: custody.NewKey{Public: first.PublicKey()},
	}, catalog.ContentKeep)
	w.confirm(a, w.accessKey(a).AccessKey, first)
	used := func() string {
		t.Helper()
		f := w.kept(a)
		h, _, err := seal.ReadHeader(bytes.NewReader(f.Header))
		if err != nil {
			t.Fatal(err)
		}
		list, err := w.AccessKeys(ctx, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		var periods []string
		for _, k := range list {
			for _, wrap := range h.Wraps {
				if wrap.Key.String() == k.Fingerprint {
					periods = append(periods, k.Period)
				}
			}
		}
		return strings.Join(periods, " ")
	}
	warns := func() string {
		t.Helper()
		all, err := w.Warnings(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var codes []string
		for _, warning := range all {
			codes = append(codes, warning.Code)
		}
		return strings.Join(codes, " ")
	}
	if got := used() + warns(); got != "2026" {
		t.Errorf("November: %q", got)
	}
	w.clock.Add(20 * 24 * time.Hour) // December
	if got := used() + " " + warns(); got != "2026 no-key-for-year" {
		t.Errorf("December: %q", got)
	}
	w.clock.Add(30 * 24 * time.Hour) // January, and none was brought
	if got := used() + " " + warns(); got != "2026 no-key-for-year" {
		t.Errorf("January: %q", got)
	}
	for _, wrong := range []string{"2026", "26", "all", "2040", "20270"} {
		_, err := w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{Public: newPrivate(t).PublicKey(), Period: wrong})
		wantKind(t, err, fault.Invalid)
	}
	second := newPrivate(t)
	k, err := w.AddAccessKey(ctx, "op", a.ID, custody.NewKey{Public: second.PublicKey()})
	if err != nil || k.Period != "2027" {
		t.Fatalf("%+v, %v", k, err)
	}
	if got := used() + " " + warns(); got != "2026 not-confirmed no-key-for-year" {
		t.Errorf("brought, not confirmed: %q", got)
	}
	w.confirm(a, k.ID, second)
	if got := used() + warns(); got != "2027" {
		t.Errorf("confirmed: %q", got)
	}
	// Keys for all times are another way.
	b := w.account("beta", catalog.ContentKeep)
	_, err = w.AddAccessKey(ctx, "op", b.ID, custody.NewKey{Period: "2027"})
	wantKind(t, err, fault.Invalid)
}

// Changing between yearly keys and one for all times leaves nothing unsealable.
func TestAnAccountThatChangesItsPeriodGoesOn(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	files := []*custody.Fresh{w.kept(a)}
	for _, period := range []string{catalog.PeriodYear, "", catalog.PeriodYear} {
		a.KeyPeriod = period
		w.update(func(tx *catalog.Tx) error { return tx.SaveAccount(a) })
		w.AccountChanged(a.ID)
		files = append(files, w.kept(a))
	}
	for _, f := range files {
		w.opens(f)
	}
	list, err := w.AccessKeys(t.Context(), a.ID)
	if err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

// Each key costs every file a wrap: there is a bound, and it is said.
func TestAnAccountHasABoundedNumberOfKeys(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	var err error
	n := 1
	for ; n < 100 && err == nil; n++ {
		_, err = w.AddAccessKey(t.Context(), "op", a.ID, custody.NewKey{})
	}
	wantKind(t, err, fault.TooLarge)
	w.opens(w.kept(a))
	if n != 17 {
		t.Errorf("%d keys", n)
	}
}

func TestWarningsOfCertificates(t *testing.T) {
	for days, want := range map[int]string{
		-1: "has expired", 0: "has expired", 1: "less than 7 days", 6: "less than 7 days", 7: "less than 30 days", 29: "less than 30 days",
		30: "less than 60 days", 59: "less than 60 days", 60: "", 300: "",
	} {
		t.Run(fmt.Sprint(days), func(t *testing.T) {
			w := newWorld(t)
			a := w.account("acme", catalog.ContentKeep)
			list, err := w.Certificates(t.Context(), a.ID)
			if err != nil {
				t.Fatal(err)
			}
			w.clock.Add(list[0].Cert.NotAfter.Sub(w.clock.Now()) - time.Duration(days)*24*time.Hour)
			all, err := w.Warnings(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			text := ""
			for _, warning := range all {
				text += warning.Message
			}
			if (want == "") != (text == "") || !strings.Contains(text, want) {
				t.Errorf("%q, want %q", text, want)
			}
			w.opens(w.kept(a)) // never a reason to stop
		})
	}
}

func TestWarningsOfAccountsThatStandStill(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.accountWith(custody.NewAccount{Name: "waits", Keys: catalog.KeysCustomer}, catalog.ContentKeep)
	closed := w.account("closed", catalog.ContentKeep)
	w.remove(w.certificate(closed), "closed")
	removed := w.account("removed", catalog.ContentKeep)
	removed.State = catalog.AccountClosed
	w.update(func(tx *catalog.Tx) error { return tx.SaveAccount(removed) })
	going := w.account("going", catalog.ContentKeep)
	if _, _, err := w.ScheduleRemoval(ctx, "op", w.accessKey(going), "going", time.Hour); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	all, err := w.Warnings(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range all {
		if warning.Message == "" || warning.Account == uuid.Nil {
			t.Errorf("%+v", warning)
		}
		got[warning.Name] += warning.Code
	}
	want := map[string]string{"waits": keyring.WarnNoAccessKey, "closed": keyring.WarnClosed, "going": keyring.WarnRemoval}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}
