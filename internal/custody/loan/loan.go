// Package loan remembers the access keys that customers have lent to the gateway.
//
// They are in memory only, and each loan ends at a time of its own: another loan
// of the same account neither prolongs nor shortens it. A loan that is over opens
// nothing from that moment on; Over tells which ones are, so that it is put on
// record. Not here: who may lend a key, and for how long (custody).
package loan

import (
	"crypto/hpke"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/seal"
)

// Loan is one access key that is lent.
type Loan struct {
	Account uuid.UUID
	ID      uuid.UUID // of the access key
	Private hpke.PrivateKey
	Until   time.Time // with a monotonic part: setting the clock does not move it
}

// Loans are those of one account, by the keys' fingerprints.
type Loans map[seal.Fingerprint]Loan

// Last returns when the last of them ends; false when there is none.
func (s Loans) Last() (until time.Time, ok bool) {
	for _, l := range s {
		if l.Until.After(until) {
			until, ok = l.Until, true
		}
	}
	return until, ok
}

// Book has the loans of all accounts. It is safe for concurrent use.
type Book struct {
	now func() time.Time

	mu   sync.RWMutex // guards what follows
	lent map[uuid.UUID]Loans
}

// NewBook returns a book without loans.
func NewBook(now func() time.Time) *Book {
	return &Book{now: now, lent: make(map[uuid.UUID]Loans)}
}

// Lend takes up a loan, in the place of an earlier one of the same key.
func (b *Book) Lend(l Loan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.lent[l.Account] == nil {
		b.lent[l.Account] = make(Loans)
	}
	b.lent[l.Account][seal.AccessKeyFingerprint(l.Private.PublicKey())] = l
}

// Of returns the loans of an account that are not over.
func (b *Book) Of(account uuid.UUID) Loans {
	b.mu.RLock()
	defer b.mu.RUnlock()
	some := make(Loans, len(b.lent[account]))
	for fp, l := range b.lent[account] {
		if !b.over(l) {
			some[fp] = l
		}
	}
	return some
}

// Forget ends the loans of an account.
func (b *Book) Forget(account uuid.UUID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.lent, account)
}

// Over forgets the loans that are over, and returns each of them once.
func (b *Book) Over() (ended []Loan) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for account, loans := range b.lent {
		for fp, l := range loans {
			if b.over(l) {
				ended = append(ended, l)
				delete(loans, fp)
			}
		}
		if len(loans) == 0 {
			delete(b.lent, account)
		}
	}
	return ended
}

func (b *Book) over(l Loan) bool { return b.now().After(l.Until) }
