package keyapi

import (
	"context"
	"crypto/hpke"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/custody/inventory"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// ByKey names a certificate or an access key of an account.
type ByKey struct {
	operation.ByName
	Key string `path:"key" doc:"of a certificate: the beginning of its fingerprint; of an access key: its id, the beginning of its fingerprint, or its year"`
}

// accessKey finds the account and the access key that a path names.
func (o *office) accessKey(ctx context.Context, in ByKey) (custody.Target, error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return custody.Target{}, err
	}
	id, err := o.Custody.FindAccessKey(ctx, acct.ID, in.Key)
	return custody.Target{Account: acct.ID, AccessKey: id}, err
}

func (o *office) listAccessKeys(ctx context.Context, in *operation.ByName) (*operation.Out[[]portal.AccessKey], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	all, err := o.Custody.AccessKeys(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	list := make([]portal.AccessKey, 0, len(all))
	for _, k := range all {
		list = append(list, accessKeyOf(k))
	}
	return operation.Answer(list), nil
}

func accessKeyOf(k inventory.AccessKey) portal.AccessKey {
	return portal.AccessKey{
		ID: k.ID.String(), Fingerprint: k.Fingerprint, Held: k.Held, Period: k.Period, Confirmed: k.Confirmed, Files: k.Files,
		UnlockedUntil: portal.Moment(k.Unlocked), CreatedAt: k.CreatedAt.UTC(), RemoveAt: portal.Moment(k.RemoveAt), RemovedAt: portal.Moment(k.RemovedAt),
	}
}

func (o *office) addAccessKey(ctx context.Context, in *struct {
	operation.ByName
	Body portal.NewAccessKey
},
) (*operation.Out[portal.AccessKey], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	n := custody.NewKey{Period: in.Body.Period}
	if in.Body.Public != "" {
		if n.Public, err = keyfile.ParseAccessPublicKey([]byte(in.Body.Public)); err != nil {
			return nil, err
		}
	}
	if in.Body.Encrypted != "" {
		if in.Body.Public == "" {
			return nil, fault.New(fault.Invalid, "api: access key", "the encrypted private half comes with the public one")
		}
		if n.Encrypted, err = keyfile.ParseEncryptedAccessKey([]byte(in.Body.Encrypted)); err != nil {
			return nil, err
		}
	}
	k, err := o.Custody.AddAccessKey(ctx, access.Of(ctx).Actor, acct.ID, n)
	if err != nil {
		return nil, err
	}
	return operation.Answer(accessKeyOf(*k)), nil
}

func (o *office) exportAccessKey(ctx context.Context, in *struct {
	operation.ByName
	Body struct {
		ID string `json:"id,omitempty" doc:"none = the newest; else as in paths"`
	}
},
) (*operation.Out[portal.Export], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := o.mayExport(ctx); err != nil {
		return nil, err
	}
	id := uuid.Nil
	if in.Body.ID != "" {
		if id, err = o.Custody.FindAccessKey(ctx, acct.ID, in.Body.ID); err != nil {
			return nil, err
		}
	}
	private, public, err := o.Custody.ExportAccessKey(ctx, access.Of(ctx).Actor, acct.ID, id)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	return operation.Answer(portal.Export{PEM: string(private), Public: string(public)}), nil
}

func (o *office) challenge(ctx context.Context, in *ByKey) (*operation.Out[portal.Challenge], error) {
	key, err := o.accessKey(ctx, *in)
	if err != nil {
		return nil, err
	}
	file, until, err := o.Custody.Challenge(ctx, access.Of(ctx).Actor, key.Account, key.AccessKey)
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.Challenge{Challenge: string(file), Until: until.UTC()}), nil
}

func (o *office) confirm(ctx context.Context, in *struct {
	ByKey
	Body portal.Answer
},
) (*operation.Out[portal.AccessKey], error) {
	key, err := o.accessKey(ctx, in.ByKey)
	if err != nil {
		return nil, err
	}
	if err := o.Custody.Confirm(ctx, access.Of(ctx).Actor, key.Account, key.AccessKey, []byte(in.Body.Answer)); err != nil {
		return nil, err
	}
	all, err := o.Custody.AccessKeys(ctx, key.Account)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if k.ID == key.AccessKey {
			return operation.Answer(accessKeyOf(k)), nil
		}
	}
	return nil, fault.New(fault.NotFound, "api: confirm", "the access key is gone")
}

// encryptedKey gives what opens with the customer's passphrase only. It would let
// who has it guess at leisure, so that it stays on this machine, where it lies
// anyway.
func (o *office) encryptedKey(ctx context.Context, in *ByKey) (*operation.Out[portal.Export], error) {
	if err := access.OnTheMachine(ctx); err != nil {
		return nil, err
	}
	key, err := o.accessKey(ctx, *in)
	if err != nil {
		return nil, err
	}
	text, err := o.Custody.EncryptedAccessKey(ctx, access.Of(ctx).Actor, key.Account, key.AccessKey)
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.Export{PEM: string(text)}), nil
}

func (o *office) unlock(ctx context.Context, in *struct {
	operation.ByName
	Body portal.Unlock
},
) (*operation.Out[portal.Unlocked], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	lent, err := o.lent(ctx, acct, in.Body)
	if err != nil {
		return nil, err
	}
	var until time.Time
	for _, private := range lent {
		if until, err = o.Custody.Unlock(ctx, access.Of(ctx).Actor, acct.ID, private, time.Duration(in.Body.For)); err != nil {
			return nil, err
		}
	}
	queued, err := o.Indexer.Unlocked(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.Unlocked{Until: until.UTC(), Queued: queued}), nil
}

// lent are the keys that somebody lends: the one that he brings, or those that his
// passphrase opens here. Wrong passphrases are on record, and bounded: an account's
// admin is not who may know it.
func (o *office) lent(ctx context.Context, acct *account.Account, in portal.Unlock) ([]hpke.PrivateKey, error) {
	const op = "api: unlock"
	if (in.AccessKey == "") == (in.Passphrase == "") {
		return nil, fault.New(fault.Invalid, op, "an access key or a passphrase is needed, one of the two")
	}
	if in.AccessKey != "" {
		private, err := keyfile.ParseAccessKey([]byte(in.AccessKey))
		return []hpke.PrivateKey{private}, err
	}
	guesser := acct.ID.String()
	if access.Of(ctx).Account == uuid.Nil {
		guesser += " operators" // who use up none of the customer's guesses
	}
	if wait := o.guesses.Take(guesser); wait > 0 {
		return nil, fault.New(fault.TryLater, op, "too many passphrases were tried; try again in a few minutes")
	}
	open, err := o.Custody.OpenWithPassphrase(ctx, acct.ID, []byte(in.Passphrase))
	if !fault.Is(err, fault.Locked) {
		o.guesses.Give(guesser) // right, or not tried
	} else {
		entry := audit.Entry{Account: acct.ID, Actor: access.Of(ctx).Actor, Action: "access-key.refused", Object: acct.ID.String()}
		if err := o.Catalog.Update(context.WithoutCancel(ctx), func(tx *catalog.Tx) error { return tx.Audit(entry) }); err != nil {
			return nil, err
		}
	}
	return open, err
}

func (o *office) lock(ctx context.Context, in *operation.ByName) (*operation.None, error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &operation.None{}, o.Custody.Lock(ctx, access.Of(ctx).Actor, acct.ID)
}
