package custody

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody/removal"
)

// What the removal of a key is about: see removal.
type (
	Target  = removal.Target
	Loss    = removal.Loss
	Removed = removal.Removed
)

// holder is the custodian as a removal sees it.
type holder struct{ *Custodian }

func (h holder) Change(account uuid.UUID) (done func()) { return h.change(account) }

// Drop forgets what the removed key opened.
func (h holder) Drop(t Target, closes bool) {
	h.forget(t.Account)
	if t.AccessKey != uuid.Nil {
		// Whichever keys were lent, the owner lends what is left again.
		h.loans.Forget(t.Account)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.records[t.Account]; r != nil && closes {
		r.Destroy()
		delete(h.records, t.Account)
	}
}

func (h holder) Reopen(ctx context.Context, account uuid.UUID) error {
	_, err := h.RenewCertificate(ctx, audit.Gateway, account)
	return err
}
