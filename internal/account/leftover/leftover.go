// Package leftover takes out of the key store, and so out of its backups, the secrets
// that nothing names any more.
//
// A secret is written before the row that names it, and destroyed after that row is
// gone: a crash in between leaves it, and so does the end of an account. What nothing
// has named for a day is destroyed; no day passes while the clock is in doubt. Secrets of kinds that are not known here stay, but
// with a closed account, and so do those of accounts that are not in the catalog.
package leftover

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

const (
	sweepEvery = time.Hour
	keepFor    = 24 * time.Hour // somebody may be about to name it, or have restored the wrong backup
)

// Sweeper finds leftovers. One goroutine at a time uses it.
type Sweeper struct {
	catalog *catalog.Catalog
	keys    *keys.Store
	now     func() time.Time
	trusted func() bool
	log     *slog.Logger
	since   map[secret]time.Time // when a secret was first seen that nothing names
}

type secret struct {
	account uuid.UUID
	keys.SecretName
}

// New returns a sweeper of these stores; trusted tells whether now is to be believed.
func New(cat *catalog.Catalog, ks *keys.Store, now func() time.Time, trusted func() bool, log *slog.Logger) *Sweeper {
	return &Sweeper{catalog: cat, keys: ks, now: now, trusted: trusted, log: log, since: map[secret]time.Time{}}
}

// Run sweeps each hour until ctx ends.
func (s *Sweeper) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "secrets that nothing names stay in the key store for now", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Sweep looks at all accounts once. One whose secrets cannot be read or destroyed keeps
// them, and is in no other's way.
func (s *Sweeper) Sweep(ctx context.Context) error {
	if !s.trusted() {
		return nil
	}
	accounts, err := s.keys.Accounts()
	if err != nil {
		return err
	}
	seen := map[secret]time.Time{}
	for _, id := range accounts {
		unnamed, err := s.unnamed(ctx, id)
		if err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "an account's secrets that nothing names stay in the key store for now", "account", id, "err", err)
		}
		for _, name := range unnamed {
			first, ok := s.since[name]
			switch {
			case !ok || first.After(s.now()):
				seen[name] = s.now()
			case s.now().Sub(first) < keepFor:
				seen[name] = first
			default:
				if err := s.keys.RemoveSecret(id, name.Kind, name.ID); err != nil {
					s.log.WarnContext(ctx, "a secret that nothing names stays in the key store for now", "account", id, "kind", name.Kind, "err", err)
					seen[name] = first
				}
			}
		}
	}
	s.since = seen
	return nil
}

// unnamed are the secrets of an account that nothing names.
func (s *Sweeper) unnamed(ctx context.Context, id uuid.UUID) (list []secret, err error) {
	account, err := s.keys.Account(id)
	if err != nil {
		return nil, err
	}
	names := account.Secrets()
	if len(names) == 0 {
		return nil, nil
	}
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		row, err := tx.Account(id)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, name := range names {
			used, err := named(tx, row, name)
			if err != nil {
				return err
			}
			if !used {
				list = append(list, secret{id, name})
			}
		}
		return nil
	})
	return list, fault.Wrap(fault.Internal, "leftover", err)
}

// named tells whether a row names a secret.
func named(tx *catalog.Tx, account *catalog.Account, name keys.SecretName) (bool, error) {
	if account.State == catalog.AccountClosed {
		return false, nil
	}
	var err error
	switch name.Kind {
	case "totp":
		_, err = tx.TOTP(name.ID) // they are offered before that, in a session that lasts less than a day
	case "webhook", "webhook-old":
		_, err = tx.Webhook(name.ID)
	case "remote":
		_, err = tx.Remote(name.ID)
	case "oidc":
		var row *logins.SingleSignOn
		if row, err = tx.SingleSignOn(account.ID); err == nil {
			return row.Secret == name.ID, nil
		}
	}
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return true, err
}
