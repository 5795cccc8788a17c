package removal

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/seal"
	"sealgate/internal/statement"
	"sealgate/internal/store/catalog"
)

// Converge makes catalog and key store agree about which keys were removed,
// after a crash, and after one of the two was restored from before. A key that
// either of them knows to be removed is removed: it is destroyed in the key
// store, and marked so in the catalog. Removals that were cut short are
// finished.
//
// An account whose keys cannot be read does not keep the others waiting: that is
// logged, and what is left of its removals is tried again (Finish).
func (r *Remover) Converge(ctx context.Context) error {
	const op = "removal: converge"
	var accounts []*catalog.Account
	err := r.p.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		accounts, err = tx.Accounts()
		return err
	})
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	for _, acc := range accounts {
		if err := ctx.Err(); err != nil {
			return fault.Wrap(fault.Internal, op, err)
		}
		err := r.agree(ctx, acc.ID)
		if err == nil && acc.Name == catalog.SystemAccount {
			err = r.keepOpen(ctx, acc.ID)
		}
		if err != nil {
			slog.ErrorContext(ctx, "the removals of an account's keys could not be looked through", "account", acc.ID, "err", err)
		}
	}
	return fault.Wrap(fault.Internal, op, r.Finish(ctx))
}

// keepOpen gives the gateway's own account a certificate when the one that an
// older catalog names was destroyed since: its operators are not to be read any
// more, but new ones can be made.
func (r *Remover) keepOpen(ctx context.Context, account uuid.UUID) error {
	ring, err := keyring.Of(ctx, r.p.Catalog, account)
	if err != nil {
		return err
	}
	for _, row := range ring.Certificates {
		if row.RemovedAt.IsZero() {
			return nil
		}
	}
	return r.p.Holder.Reopen(ctx, account)
}

// Finish carries out the removals that were cut short.
func (r *Remover) Finish(ctx context.Context) error {
	var cut []*catalog.Statement
	err := r.p.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		cut, err = tx.UnsignedStatements()
		return err
	})
	if err != nil {
		return err
	}
	for _, st := range cut {
		if err := r.finishOne(ctx, st.ID, st.Account); err != nil {
			slog.ErrorContext(ctx, "a removal of a key could not be finished; trying again", "account", st.Account, "statement", st.ID, "err", err)
		}
	}
	return nil
}

func (r *Remover) finishOne(ctx context.Context, id, account uuid.UUID) error {
	defer r.p.Holder.Change(account)()
	var st *catalog.Statement
	err := r.p.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		st, err = tx.Statement(id)
		return err
	})
	if err != nil || st.Signed {
		return err
	}
	_, err = r.carryOut(ctx, st)
	return err
}

// agree compares what the key store and the catalog know about an account.
func (r *Remover) agree(ctx context.Context, account uuid.UUID) error {
	have, err := r.held(account)
	if err != nil {
		return err
	}
	ring, err := keyring.Of(ctx, r.p.Catalog, account)
	if err != nil {
		return err
	}
	for _, gone := range have.Destroyed() {
		t := Target{Account: account}
		if gone.Kind == keys.KindCertificate {
			t.Certificate = gone.Fingerprint.String()
		} else {
			t.AccessKey = gone.ID
		}
		if !living(ring, t) {
			continue
		}
		slog.WarnContext(ctx, "the catalog is older than the key store: a key that it names was destroyed since", "account", account, "key", gone.Fingerprint)
		if _, err := r.remove(ctx, audit.Gateway, t, causeRestored, gone.At); err != nil {
			return err
		}
	}
	return r.destroyAgain(account, have, ring)
}

// living reports whether a key is on record and not removed.
func living(r keyring.Ring, t Target) bool {
	for _, row := range r.Certificates {
		if row.Fingerprint == t.Certificate {
			return row.RemovedAt.IsZero()
		}
	}
	for _, row := range r.AccessKeys {
		if row.ID == t.AccessKey {
			return row.RemovedAt.IsZero()
		}
	}
	return false
}

// destroyAgain destroys keys that were removed and are here all the same: the
// key store was restored from a copy that an earlier removal did not reach.
func (r *Remover) destroyAgain(account uuid.UUID, have *keys.Account, ring keyring.Ring) error {
	for _, row := range ring.Certificates {
		fp, err := seal.ParseFingerprint(row.Fingerprint)
		if err != nil {
			return err
		}
		if row.RemovedAt.IsZero() || have.Certificate(fp) == nil {
			continue
		}
		if _, err := r.destroy(account, statement.KindCertificateRemoved, row.Fingerprint, row.RemovedAt); err != nil {
			return err
		}
	}
	for _, row := range ring.AccessKeys {
		fp, err := seal.ParseFingerprint(row.Fingerprint)
		if err != nil {
			return err
		}
		if row.RemovedAt.IsZero() || have.AccessKey(fp) == nil {
			continue
		}
		if _, err := r.destroy(account, statement.KindAccessKeyRemoved, row.ID.String(), row.RemovedAt); err != nil {
			return err
		}
	}
	return nil
}

// held returns the account's keys that are here. None is an answer, not an error:
// the key store may have been lost.
func (r *Remover) held(account uuid.UUID) (*keys.Account, error) {
	k, err := r.p.Keys.Account(account)
	if fault.Is(err, fault.NotFound) {
		return new(keys.Account), nil
	}
	return k, err
}
