package loan_test

import (
	"crypto/hpke"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/loan"
	"sealgate/internal/seal"
)

func private(t *testing.T) (hpke.PrivateKey, seal.Fingerprint) {
	t.Helper()
	k, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k, seal.AccessKeyFingerprint(k.PublicKey())
}

func TestALoanOpensUntilItsEndAndIsOverOnce(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	begun := now
	b := loan.NewBook(func() time.Time { return now })
	acme, short := uuid.New(), uuid.New()
	first, fp := private(t)
	second, other := private(t)
	b.Lend(loan.Loan{Account: acme, ID: short, Private: first, Until: begun.Add(time.Hour)})
	b.Lend(loan.Loan{Account: acme, Private: second, Until: begun.Add(2 * time.Hour)})

	now = begun.Add(time.Hour)
	if got := b.Of(acme); len(got) != 2 || len(b.Over()) != 0 {
		t.Fatalf("at its end a loan is over already: %v", got)
	}
	now = now.Add(time.Second)
	got := b.Of(acme)
	if until, ok := got.Last(); got[fp].Private != nil || got[other].Private == nil || !ok || !until.Equal(begun.Add(2*time.Hour)) {
		t.Errorf("after the end of the first: %v, until %v", got, until)
	}
	if over := b.Over(); len(over) != 1 || over[0].ID != short || over[0].Account != acme {
		t.Errorf("over: %v", over)
	}
	if over := b.Over(); over != nil {
		t.Errorf("over a second time: %v", over)
	}
}

func TestLoansOfOneAccountAreNoOtherAccounts(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	b := loan.NewBook(func() time.Time { return now })
	acme, bolt := uuid.New(), uuid.New()
	key, _ := private(t)
	b.Lend(loan.Loan{Account: acme, Private: key, Until: now.Add(time.Hour)})
	b.Lend(loan.Loan{Account: bolt, Private: key, Until: now.Add(time.Hour)})
	b.Forget(acme)
	if _, ok := b.Of(acme).Last(); ok {
		t.Error("a loan that was forgotten goes on")
	}
	if _, ok := b.Of(bolt).Last(); !ok {
		t.Error("it took another account's with it")
	}
	if over := b.Over(); over != nil {
		t.Errorf("what is forgotten is over, too: %v", over)
	}
}
