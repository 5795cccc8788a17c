package inventory

import (
	"context"
	"crypto/hpke"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// AccessKey is an access key on record.
type AccessKey struct {
	catalog.AccessKey
	Here     bool      // its private half is in the key store, and the gateway's to use
	Unlocked time.Time // lent to the gateway until then; zero = it is not
	Files    int64     // that have a body sealed under it
}

// AccessKeys lists the account's access keys.
func (v *Inventory) AccessKeys(ctx context.Context, account uuid.UUID) ([]AccessKey, error) {
	const op = "custody: access keys"
	s, err := take(ctx, v, account, (*catalog.Tx).AccessKeys)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	loans := v.loans.Of(account)
	list := make([]AccessKey, len(s.rows))
	for i, row := range s.rows {
		fp, err := seal.ParseFingerprint(row.Fingerprint)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		k := s.have.AccessKey(fp)
		list[i] = AccessKey{
			AccessKey: *row, Here: k != nil && k.Private != nil, Unlocked: loans[fp].Until, Files: s.files[row.Fingerprint],
		}
	}
	return list, nil
}

// FindAccessKey returns the access key whose id or fingerprint begins with
// text, or the one of the year that text names.
func (v *Inventory) FindAccessKey(ctx context.Context, account uuid.UUID, text string) (uuid.UUID, error) {
	const op = "custody: find access key"
	ring, err := keyring.Of(ctx, v.cat, account)
	if err != nil {
		return uuid.Nil, fault.Wrap(fault.Internal, op, err)
	}
	text = strings.ToLower(text)
	var found []uuid.UUID
	for _, row := range ring.AccessKeys {
		named := len(text) >= minNamed && (strings.HasPrefix(row.ID.String(), text) || strings.HasPrefix(row.Fingerprint, text))
		if named || text != "" && row.Period == text && row.RemovedAt.IsZero() {
			found = append(found, row.ID)
		}
	}
	return only(op, "access key", found)
}

// ExportAccessKey returns both halves of a gateway-held access key as PEM, the
// newest one when id is uuid.Nil.
func (v *Inventory) ExportAccessKey(ctx context.Context, actor string, account, id uuid.UUID) (private, public []byte, err error) {
	const op = "custody: export access key"
	list, err := v.AccessKeys(ctx, account)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	i := slices.IndexFunc(list, func(k AccessKey) bool {
		return k.ID == id || id == uuid.Nil && k.RemovedAt.IsZero()
	})
	if i < 0 {
		return nil, nil, fault.New(fault.NotFound, op, "the account has no such access key")
	}
	if list[i].Held != catalog.KeysGateway || !list[i].Here {
		return nil, nil, fault.New(fault.Denied, op, "the private half of this access key is not at the gateway")
	}
	k, err := v.stored(account, list[i].Fingerprint)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := v.giveAway(ctx, actor, account, "access-key.exported", list[i].ID.String()); err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	if private, err = keyfile.MarshalAccessKey(k.Private); err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	return private, keyfile.MarshalAccessPublicKey(k.Public), nil
}

// EncryptedAccessKey returns the private half of an access key as the customer
// has left it here, under his passphrase. Who has it can guess at that for as long
// as he likes, so it counts as given away.
func (v *Inventory) EncryptedAccessKey(ctx context.Context, actor string, account, id uuid.UUID) ([]byte, error) {
	const op = "custody: encrypted access key"
	var row *catalog.AccessKey
	err := v.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		row, err = keyring.AccessKey(tx, account, id)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	k, err := v.stored(account, row.Fingerprint)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if k.Encrypted == nil {
		return nil, fault.New(fault.Invalid, op, "this access key is not held under a passphrase")
	}
	if err := v.giveAway(ctx, actor, account, "access-key.fetched-encrypted", id.String()); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return k.Encrypted.Marshal(), nil
}

// OpenWithPassphrase opens those of an account's living access keys that are kept under
// the customer's passphrase and open with this one. Locked: none does. It takes a tenth
// of a second and much memory for each, so that one at a time is tried.
func (v *Inventory) OpenWithPassphrase(ctx context.Context, account uuid.UUID, passphrase []byte) (open []hpke.PrivateKey, err error) {
	const op = "custody: passphrase"
	if !v.opening.TryLock() {
		return nil, fault.New(fault.TryLater, op, "a passphrase is being tried just now; try again in a moment")
	}
	defer v.opening.Unlock()
	all, err := v.AccessKeys(ctx, account)
	if err != nil {
		return nil, err
	}
	refused := fault.New(fault.NotFound, op, "the account has no access key under a passphrase")
	for _, row := range all {
		if row.Held != catalog.HeldPassphrase || !row.RemovedAt.IsZero() {
			continue
		}
		k, err := v.stored(account, row.Fingerprint)
		if err != nil {
			return nil, err
		}
		if k.Encrypted == nil {
			continue
		}
		private, err := k.Encrypted.Open(passphrase)
		switch {
		case fault.Is(err, fault.Locked):
			refused = err
		case err != nil:
			return nil, err
		default:
			open = append(open, private)
		}
	}
	if open == nil {
		return nil, refused
	}
	return open, nil
}

// stored returns an access key out of the key store.
func (v *Inventory) stored(account uuid.UUID, fingerprint string) (*keys.AccessKey, error) {
	fp, err := seal.ParseFingerprint(fingerprint)
	if err != nil {
		return nil, err
	}
	have, err := Held(v.ks, account)
	if err != nil {
		return nil, err
	}
	k := have.AccessKey(fp)
	if k == nil {
		return nil, fault.New(fault.Locked, "custody: access key", "the access key is not in the key store")
	}
	return k, nil
}
