package api

import (
	"context"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/custody/inventory"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/portal"
)

// ByKey names a certificate or an access key of an account.
type ByKey struct {
	ByName
	Key string `path:"key" doc:"of a certificate: the beginning of its fingerprint; of an access key: its id, the beginning of its fingerprint, or its year"`
}

// accessKey finds the account and the access key that a path names.
func (a *API) accessKey(ctx context.Context, in ByKey) (custody.Target, error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return custody.Target{}, err
	}
	id, err := a.Custody.FindAccessKey(ctx, acct.ID, in.Key)
	return custody.Target{Account: acct.ID, AccessKey: id}, err
}

func (a *API) listAccessKeys(ctx context.Context, in *ByName) (*out[[]portal.AccessKey], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	all, err := a.Custody.AccessKeys(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	list := make([]portal.AccessKey, 0, len(all))
	for _, k := range all {
		list = append(list, accessKeyOf(k))
	}
	return &out[[]portal.AccessKey]{list}, nil
}

func accessKeyOf(k inventory.AccessKey) portal.AccessKey {
	return portal.AccessKey{
		ID: k.ID.String(), Fingerprint: k.Fingerprint, Held: k.Held, Period: k.Period, Confirmed: k.Confirmed, Files: k.Files,
		UnlockedUntil: moment(k.Unlocked), CreatedAt: k.CreatedAt.UTC(), RemoveAt: moment(k.RemoveAt), RemovedAt: moment(k.RemovedAt),
	}
}

func (a *API) addAccessKey(ctx context.Context, in *struct {
	ByName
	Body portal.NewAccessKey
},
) (*out[portal.AccessKey], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
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
	k, err := a.Custody.AddAccessKey(ctx, caller(ctx).Actor, acct.ID, n)
	if err != nil {
		return nil, err
	}
	return &out[portal.AccessKey]{accessKeyOf(*k)}, nil
}

func (a *API) exportAccessKey(ctx context.Context, in *struct {
	ByName
	Body struct {
		ID string `json:"id,omitempty" doc:"none = the newest; else as in paths"`
	}
},
) (*out[portal.Export], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := a.mayExport(ctx); err != nil {
		return nil, err
	}
	id := uuid.Nil
	if in.Body.ID != "" {
		if id, err = a.Custody.FindAccessKey(ctx, acct.ID, in.Body.ID); err != nil {
			return nil, err
		}
	}
	private, public, err := a.Custody.ExportAccessKey(ctx, caller(ctx).Actor, acct.ID, id)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	return &out[portal.Export]{portal.Export{PEM: string(private), Public: string(public)}}, nil
}

func (a *API) challenge(ctx context.Context, in *ByKey) (*out[portal.Challenge], error) {
	key, err := a.accessKey(ctx, *in)
	if err != nil {
		return nil, err
	}
	file, until, err := a.Custody.Challenge(ctx, caller(ctx).Actor, key.Account, key.AccessKey)
	if err != nil {
		return nil, err
	}
	return &out[portal.Challenge]{portal.Challenge{Challenge: string(file), Until: until.UTC()}}, nil
}

func (a *API) confirm(ctx context.Context, in *struct {
	ByKey
	Body portal.Answer
},
) (*out[portal.AccessKey], error) {
	key, err := a.accessKey(ctx, in.ByKey)
	if err != nil {
		return nil, err
	}
	if err := a.Custody.Confirm(ctx, caller(ctx).Actor, key.Account, key.AccessKey, []byte(in.Body.Answer)); err != nil {
		return nil, err
	}
	all, err := a.Custody.AccessKeys(ctx, key.Account)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if k.ID == key.AccessKey {
			return &out[portal.AccessKey]{accessKeyOf(k)}, nil
		}
	}
	return nil, fault.New(fault.NotFound, "api: confirm", "the access key is gone")
}

// encryptedKey gives what opens with the customer's passphrase only. It would let
// who has it guess at leisure, so that it stays on this machine, where it lies
// anyway.
func (a *API) encryptedKey(ctx context.Context, in *ByKey) (*out[portal.Export], error) {
	if err := local(ctx); err != nil {
		return nil, err
	}
	key, err := a.accessKey(ctx, *in)
	if err != nil {
		return nil, err
	}
	text, err := a.Custody.EncryptedAccessKey(ctx, caller(ctx).Actor, key.Account, key.AccessKey)
	if err != nil {
		return nil, err
	}
	return &out[portal.Export]{portal.Export{PEM: string(text)}}, nil
}

func (a *API) unlock(ctx context.Context, in *struct {
	ByName
	Body portal.Unlock
},
) (*out[portal.Unlocked], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	private, err := keyfile.ParseAccessKey([]byte(in.Body.AccessKey))
	if err != nil {
		return nil, err
	}
	until, err := a.Custody.Unlock(ctx, caller(ctx).Actor, acct.ID, private, time.Duration(in.Body.For))
	if err != nil {
		return nil, err
	}
	queued, err := a.Indexer.Unlocked(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	return &out[portal.Unlocked]{portal.Unlocked{Until: until.UTC(), Queued: queued}}, nil
}

func (a *API) lock(ctx context.Context, in *ByName) (*none, error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &none{}, a.Custody.Lock(ctx, caller(ctx).Actor, acct.ID)
}
