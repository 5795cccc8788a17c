package account

import (
	"context"
	"crypto/hpke"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account/approval"
	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// Account is an account with its settings open.
type Account struct {
	ID   uuid.UUID
	Name string
	Settings
	State     string
	CreatedAt time.Time
}

// KeyOptions say where a new account's keys come from.
type KeyOptions struct {
	Certificate *keys.Certificate // nil: the gateway makes one

	// The access key of an account whose customer holds the keys: its public
	// half, and, if he leaves it here under his passphrase, the private one. It
	// may be added later. Until it is confirmed nothing is accepted.
	AccessKey hpke.PublicKey
	Encrypted *keyfile.EncryptedAccessKey
}

// EnsureSystem makes the built-in account that owns the operators, when it is
// not there.
func (s *Service) EnsureSystem(ctx context.Context) error {
	err := s.catalog.View(ctx, func(tx *catalog.Tx) error {
		_, err := tx.AccountByName(catalog.SystemAccount)
		return err
	})
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	set := Defaults()
	set.Content, set.OperatorAccess = catalog.ContentDelete, catalog.OperatorOff
	_, err = s.addAccount(ctx, audit.Gateway, catalog.SystemAccount, set, KeyOptions{})
	return err
}

// AddAccount makes an account and its keys.
func (s *Service) AddAccount(ctx context.Context, actor, name string, set Settings, k KeyOptions) (*Account, error) {
	const op = "account: add"
	if err := checkAccountName(name); err != nil {
		return nil, err
	}
	if err := set.Check(); err != nil {
		return nil, err
	}
	if set.ProtectDatabase {
		return nil, fault.New(fault.Invalid, op, "protected databases are not in this version")
	}
	if set.Keys != catalog.KeysCustomer && (k.AccessKey != nil || k.Encrypted != nil) {
		return nil, fault.New(fault.Invalid, op, "an access key is brought to an account whose keys the customer holds; this one's are the gateway's")
	}
	return s.addAccount(ctx, actor, name, set, k)
}

func (s *Service) addAccount(ctx context.Context, actor, name string, set Settings, k KeyOptions) (*Account, error) {
	const op = "account: add"
	id, err := newID(op)
	if err != nil {
		return nil, err
	}
	if err := s.nameIsFree(ctx, name); err != nil {
		return nil, err
	}
	made, err := s.keys.NewAccountKeys(ctx, custody.NewAccount{
		ID: id, Name: name, Certificate: k.Certificate, Keys: set.Keys, KeyPeriod: set.KeyPeriod,
		Access: custody.NewKey{Public: k.AccessKey, Encrypted: k.Encrypted},
	})
	if err != nil {
		return nil, err
	}
	row := &catalog.Account{ID: id, Name: name, State: catalog.AccountOpen, CreatedAt: s.now()}
	if err := set.fill(row, made.Records()); err != nil {
		return nil, err
	}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.InsertAccount(row); err != nil {
			return err
		}
		if err := made.Insert(tx); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: id, Actor: actor, Action: "account.added", Object: id.String(), Detail: map[string]string{"content": set.Content}})
	})
	switch {
	case fault.Is(err, fault.Exists), fault.Is(err, fault.Invalid):
		// It was certainly not made; after any other error it may have been.
		if derr := s.keys.Discard(made); derr != nil {
			s.log.Error("keys of an account that was not made could not be removed", "account", id, "error", derr)
		}
		return nil, nameTaken(err)
	case err != nil:
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return &Account{ID: id, Name: name, Settings: set, State: row.State, CreatedAt: row.CreatedAt}, nil
}

func nameTaken(err error) error {
	if fault.Is(err, fault.Exists) {
		return fault.New(fault.Exists, "account: add", "there is an account of that name")
	}
	return err
}

// nameIsFree saves making keys for a name that is taken; the insert decides.
func (s *Service) nameIsFree(ctx context.Context, name string) error {
	err := s.catalog.View(ctx, func(tx *catalog.Tx) error {
		_, err := tx.AccountByName(name)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err == nil {
		return nameTaken(fault.New(fault.Exists, "account: add", ""))
	}
	return err
}

// Accounts returns all but the built-in account, by name.
func (s *Service) Accounts(ctx context.Context) ([]*Account, error) {
	var rows []*catalog.Account
	err := s.catalog.View(ctx, func(tx *catalog.Tx) error {
		var err error
		rows, err = tx.Accounts()
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "account: list", err)
	}
	var all []*Account
	for _, row := range rows {
		if row.Name == catalog.SystemAccount {
			continue
		}
		a, err := s.open(ctx, row)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *Account) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// open opens the sealed columns of a row. They stay shut when the account's
// key is not here.
func (s *Service) open(ctx context.Context, row *catalog.Account) (*Account, error) {
	rec, err := s.keys.Records(ctx, row.ID)
	if err != nil && !fault.Is(err, fault.Locked) {
		return nil, err
	}
	set, err := settingsOf(row, rec)
	if err != nil {
		return nil, err
	}
	return &Account{ID: row.ID, Name: row.Name, Settings: set, State: row.State, CreatedAt: row.CreatedAt}, nil
}

// Account returns the account of that name.
func (s *Service) Account(ctx context.Context, name string) (*Account, error) {
	row, err := s.row(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, row)
}

// AccountByID returns an account, the built-in one, too.
func (s *Service) AccountByID(ctx context.Context, id uuid.UUID) (*Account, error) {
	var row *catalog.Account
	err := s.catalog.View(ctx, func(tx *catalog.Tx) error {
		var err error
		row, err = tx.Account(id)
		return err
	})
	if err != nil {
		return nil, noAccount(err)
	}
	return s.open(ctx, row)
}

func (s *Service) row(ctx context.Context, name string) (row *catalog.Account, err error) {
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		row, err = tx.AccountByName(name)
		return err
	})
	return row, noAccount(err)
}

func noAccount(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "account: find", "there is no such account")
	}
	return fault.Wrap(fault.Internal, "account: find", err)
}

// SetAccount changes settings.
func (s *Service) SetAccount(ctx context.Context, actor, name string, c Change) (*Account, error) {
	const op = "account: set"
	if err := checkAccountName(name); err != nil {
		return nil, err
	}
	row, err := s.row(ctx, name)
	if err != nil {
		return nil, err
	}
	rec, err := s.keys.Records(ctx, row.ID)
	if err != nil {
		return nil, err
	}
	if c.ProtectDatabase != nil && *c.ProtectDatabase {
		return nil, fault.New(fault.Invalid, op, "protected databases are not in this version")
	}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if row, err = tx.Account(row.ID); err != nil {
			return err
		}
		if row.State != catalog.AccountOpen {
			return fault.New(fault.Locked, op, "the account is closed")
		}
		set, err := settingsOf(row, rec)
		if err != nil {
			return err
		}
		if c.If != nil {
			if err := c.If(set); err != nil {
				return err
			}
		}
		before := set
		c.apply(&set)
		if err := set.Check(); err != nil {
			return err
		}
		if err := set.fill(row, rec); err != nil {
			return err
		}
		if err := tx.SaveAccount(row); err != nil {
			return err
		}
		if set.OperatorAccess != before.OperatorAccess {
			if err := approval.EndAll(tx, row.ID, actor, s.now()); err != nil {
				return err
			}
		}
		return tx.Audit(audit.Entry{Account: row.ID, Actor: actor, Action: "account.changed", Object: row.ID.String(), Detail: set.changed(before)})
	})
	s.keys.AccountChanged(row.ID)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return s.open(ctx, row)
}

// RemoveAccount closes an account and deletes its logins, tokens and webhooks: nobody signs in and
// nothing is accepted any more. Its files stay on record, and its name taken.
func (s *Service) RemoveAccount(ctx context.Context, actor, name string) error {
	const op = "account: remove"
	if err := checkAccountName(name); err != nil {
		return err
	}
	row, err := s.row(ctx, name)
	if err != nil {
		return err
	}
	var gone []*logins.Login
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if row, err = tx.Account(row.ID); err != nil {
			return err
		}
		if row.State == catalog.AccountClosed {
			return nil
		}
		if gone, err = tx.Logins(row.ID); err != nil {
			return err
		}
		for _, l := range gone {
			if err := tx.DeleteLogin(l.ID); err != nil {
				return err
			}
		}
		if err := tx.DeleteTokens(row.ID); err != nil {
			return err
		}
		if err := tx.DeleteNotices(row.ID); err != nil {
			return err
		}
		if err := tx.RevokeAgents(row.ID, s.now()); err != nil {
			return err
		}
		if err := tx.DeleteRemotes(row.ID); err != nil {
			return err
		}
		if err := approval.EndAll(tx, row.ID, actor, s.now()); err != nil {
			return err
		}
		row.State = catalog.AccountClosed
		if err := tx.SaveAccount(row); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: row.ID, Actor: actor, Action: "account.closed", Object: row.ID.String()})
	})
	for _, l := range gone {
		s.Forget(l.ID)
	}
	s.keys.AccountChanged(row.ID)
	return fault.Wrap(fault.Internal, op, err)
}
