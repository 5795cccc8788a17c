package accountapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/account/approval"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/keyapi"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

func (o *office) accounts(r *operation.Router) {
	operation.Register(r, http.MethodGet, "/accounts", "list-accounts", "All accounts that you may see, by name", o.listAccounts)
	operation.Register(r, http.MethodPost, "/accounts", "add-account", "Make an account with its keys", o.addAccount)
	operation.Register(r, http.MethodGet, "/accounts/{name}", "get-account", "One account", o.getAccount)
	operation.Register(r, http.MethodPatch, "/accounts/{name}", "set-account", "Change an account's policy", o.setAccount)
	operation.Register(r, http.MethodDelete, "/accounts/{name}", "remove-account", "Close an account: no sign-in, nothing accepted; its record stays", o.removeAccount)
}

func (o *office) listAccounts(ctx context.Context, _ *operation.None) (*operation.Out[[]portal.Account], error) {
	all, err := Known(ctx, o.Accounts)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Account, 0, len(all))
	for _, acct := range all {
		list = append(list, accountOf(acct))
	}
	return operation.Answer(list), nil
}

func (o *office) addAccount(ctx context.Context, in *struct{ Body portal.NewAccount }) (*accountOut, error) {
	k, err := o.keyOptions(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	s := settings(in.Body.AccountChange)
	if in.Body.Keys != "" {
		s.Keys = in.Body.Keys
	}
	acct, err := o.Accounts.AddAccount(ctx, access.Of(ctx).Actor, in.Body.Name, s, k)
	if err != nil {
		return nil, err
	}
	return o.shownAccount(ctx, acct)
}

// keyOptions are the keys that a customer brings.
func (o *office) keyOptions(ctx context.Context, in portal.NewAccount) (k account.KeyOptions, err error) {
	if (in.Certificate == "") != (in.CertificateKey == "") {
		return k, fault.New(fault.Invalid, "api: account", "a certificate comes with its key")
	}
	if in.Certificate != "" {
		if k.Certificate, err = keyapi.Brought(ctx, in.Certificate, in.CertificateKey, o.Now()); err != nil {
			return k, err
		}
	}
	if in.AccessKey != "" {
		if in.Keys != catalog.KeysCustomer {
			return k, fault.New(fault.Invalid, "api: account", "a customer who brings an access key holds his keys himself: keys must be customer")
		}
		k.AccessKey, err = keyfile.ParseAccessPublicKey([]byte(in.AccessKey))
	}
	return k, err
}

func (o *office) getAccount(ctx context.Context, in *operation.ByName) (*accountOut, error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return o.shownAccount(ctx, acct)
}

// accountOut is one account, with the tag by which a change can say what it changes.
type accountOut struct {
	ETag string `header:"ETag"`
	Body portal.Account
}

// settingsTag changes when the settings do.
func settingsTag(s account.Settings) string {
	text, _ := json.Marshal(s) // texts, numbers and networks always marshal
	sum := sha256.Sum256(text)
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// shownAccount is one account with what a person should see to.
func (o *office) shownAccount(ctx context.Context, acct *account.Account) (*accountOut, error) {
	shown := accountOf(acct)
	if until, ok := o.Custody.Unlocked(acct.ID); ok {
		shown.UnlockedUntil = portal.Moment(until)
	}
	if acct.OperatorAccess == catalog.OperatorAsked {
		err := o.Catalog.View(ctx, func(tx *catalog.Tx) error {
			running, err := approval.Running(tx, acct.ID, o.Now())
			if running != nil {
				shown.ApprovedUntil = portal.Moment(running.Until)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	all, err := o.Custody.AccountWarnings(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		shown.Warnings = append(shown.Warnings, portal.Warning{Code: w.Code, Object: w.Object, At: portal.Moment(w.At), Message: w.Message})
	}
	return &accountOut{settingsTag(acct.Settings), shown}, nil
}

func (o *office) setAccount(ctx context.Context, in *struct {
	operation.ByName
	IfMatch string `header:"If-Match" doc:"ETag of the account as it was read: change it only if nobody else has"`
	Body    portal.AccountChange
},
) (*accountOut, error) {
	if err := o.mayChange(ctx, in.Name, in.Body); err != nil {
		return nil, err
	}
	if err := o.keepsForLess(ctx, in.Name, in.Body); err != nil {
		return nil, err
	}
	c := change(in.Body)
	if in.IfMatch != "" && in.IfMatch != "*" {
		c.If = func(s account.Settings) error {
			if settingsTag(s) != in.IfMatch {
				return portal.ProblemFor(http.StatusPreconditionFailed, "somebody has changed the account since it was read; nothing was done")
			}
			return nil
		}
	}
	acct, err := o.Accounts.SetAccount(ctx, access.Of(ctx).Actor, in.Name, c)
	if err != nil {
		return nil, err
	}
	return o.shownAccount(ctx, acct)
}

func (o *office) removeAccount(ctx context.Context, in *struct {
	operation.ByName
	Confirm string `query:"confirm" doc:"the account's name, again"`
},
) (*operation.None, error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if in.Confirm != acct.Name {
		return nil, o.whatClosingDoes(ctx, acct)
	}
	return &operation.None{}, o.Accounts.RemoveAccount(ctx, access.Of(ctx).Actor, in.Name)
}

func accountOf(a *account.Account) portal.Account {
	return portal.Account{
		ID: a.ID.String(), Name: a.Name, State: a.State, Content: a.Content, KeepFor: portal.Duration(a.KeepFor),
		Keys: a.Keys, ProtectDatabase: a.ProtectDatabase, OperatorAccess: a.OperatorAccess,
		InShowFor: portal.Duration(a.InShowFor), OutboxKeepFor: portal.Duration(a.OutboxKeepFor),
		KeyPeriod: cmp.Or(a.KeyPeriod, noPeriod), Receipts: a.Receipts, RequireFactor: a.RequireFactor, CreatedAt: a.CreatedAt.UTC(),
	}
}

// settings are the defaults with what was asked for.
func settings(c portal.AccountChange) account.Settings {
	s := account.Defaults()
	set(&s.Content, c.Content)
	set(&s.OperatorAccess, c.OperatorAccess)
	setDuration(&s.KeepFor, c.KeepFor)
	setDuration(&s.InShowFor, c.InShowFor)
	setDuration(&s.OutboxKeepFor, c.OutboxKeepFor)
	set(&s.KeyPeriod, period(c.KeyPeriod))
	set(&s.Receipts, c.Receipts)
	set(&s.RequireFactor, c.RequireFactor)
	return s
}

// noPeriod is how the API says that an account's access keys are for all times.
const noPeriod = "none"

func period(p *string) *string {
	if p != nil && *p == noPeriod {
		return new(string)
	}
	return p
}

func change(c portal.AccountChange) account.Change {
	return account.Change{
		KeyPeriod: period(c.KeyPeriod), Receipts: c.Receipts, RequireFactor: c.RequireFactor,
		Content: c.Content, OperatorAccess: c.OperatorAccess,
		KeepFor: (*time.Duration)(c.KeepFor), InShowFor: (*time.Duration)(c.InShowFor), OutboxKeepFor: (*time.Duration)(c.OutboxKeepFor),
	}
}

func set[T any](dst, v *T) {
	if v != nil {
		*dst = *v
	}
}

func setDuration(dst *time.Duration, v *portal.Duration) {
	if v != nil {
		*dst = time.Duration(*v)
	}
}
