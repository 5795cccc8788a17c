package api

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/health"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/trail"
)

// gateway registers what is about the gateway itself.
func (a *API) gateway() {
	operation.Register(a.Router, http.MethodGet, "/keys", "show-keys", "What is in the key store, no secret", a.showKeys)
	operation.Register(a.Router, http.MethodPost, "/keys/backup", "back-up-keys", "Write the key store to a file on the gateway's machine", a.backupKeys)
	operation.Register(a.Router, http.MethodPost, "/keys/rotate-master", "rotate-master-key", "Wrap the key store anew under a new master key", a.rotateMaster)
	operation.Register(a.Router, http.MethodPost, "/backup", "back-up", "Write a backup without keys to a directory on the gateway's machine", a.backup)
	operation.Register(a.Router, http.MethodGet, "/backup", "backup-progress", "How far the backup is that is being written", a.backupProgress)
	operation.Register(a.Router, http.MethodGet, "/audit", "list-audit", "The audit log, newest first", a.listAudit)
	operation.Register(a.Router, http.MethodGet, "/audit/verify", "verify-audit", "Check the audit log against its signed tree heads", a.verifyAudit)
}

func (a *API) showKeys(context.Context, *operation.None) (*operation.Out[portal.KeyStore], error) {
	s, err := health.KeyStore(a.Keys)
	if err != nil {
		return nil, err
	}
	return operation.Answer(*s), nil
}

func (a *API) backupKeys(ctx context.Context, in *struct {
	Body struct {
		File string `json:"file"`
	}
},
) (*operation.None, error) {
	if err := absolute(ctx, in.Body.File); err != nil {
		return nil, err
	}
	return &operation.None{}, a.noted(ctx, "keys.backed-up", func() error { return a.Keys.Backup(in.Body.File) }, portal.LastKeyBackupSetting)
}

func (a *API) rotateMaster(ctx context.Context, in *struct {
	Body struct {
		Passphrase string `json:"passphrase,omitempty" doc:"the new one, where the master key is a passphrase"`
	}
},
) (*operation.None, error) {
	if err := access.OnTheMachine(ctx); err != nil {
		return nil, err
	}
	return &operation.None{}, a.noted(ctx, "master-key.rotated", func() error { return a.Machine.RotateMaster(ctx, []byte(in.Body.Passphrase)) })
}

// absolute takes only callers of this machine, who mean the same file by a name.
func absolute(ctx context.Context, name string) error {
	if err := access.OnTheMachine(ctx); err != nil {
		return err
	}
	if !filepath.IsAbs(name) {
		return fault.New(fault.Invalid, "api: path", "the path must be absolute")
	}
	return nil
}

// noted records an act on the gateway before it happens, and in settings when it was
// done last.
func (a *API) noted(ctx context.Context, action string, act func() error, settings ...string) error {
	entry := audit.Entry{Actor: access.Of(ctx).Actor, Action: action}
	if err := a.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Audit(entry) }); err != nil {
		return err
	}
	if err := act(); err != nil {
		return err
	}
	return a.Catalog.Update(context.WithoutCancel(ctx), func(tx *catalog.Tx) error {
		for _, key := range settings {
			if err := tx.SetSetting(key, a.Now().UTC().Format(time.RFC3339)); err != nil {
				return err
			}
		}
		return nil
	})
}

type auditQuery struct {
	Account string    `query:"account"`
	Since   time.Time `query:"since"`
	Before  string    `query:"before" doc:"next of the page before"`
	Limit   int       `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
}

type auditPage struct {
	Entries []portal.AuditEntry `json:"entries"`
	Next    *string             `json:"next"`
}

func (a *API) listAudit(ctx context.Context, in *auditQuery) (*operation.Out[auditPage], error) {
	filter := trail.Filter{Since: in.Since, Limit: in.Limit + 1}
	names, err := a.accountNames(ctx)
	if err != nil {
		return nil, err
	}
	if in.Account != "" {
		acct, err := a.Accounts.Account(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		filter.Account = acct.ID
	}
	if c := access.Of(ctx); !c.Operator {
		filter.Account = c.Account
	}
	if in.Before != "" {
		if filter.Before, err = uuid.Parse(in.Before); err != nil {
			return nil, fault.New(fault.Invalid, "api: audit", "%q is no page", in.Before)
		}
	}
	var rows []*audit.Entry
	err = a.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		rows, err = tx.AuditEntries(filter)
		return err
	})
	if err != nil {
		return nil, err
	}
	page := auditPage{Entries: []portal.AuditEntry{}}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		next := rows[in.Limit-1].ID.String()
		page.Next = &next
	}
	who := a.whoIs(ctx)
	for _, e := range rows {
		name, known := names[e.Account]
		if !known && e.Account != uuid.Nil {
			name = e.Account.String()
		}
		o := portal.AuditEntry{
			ID: e.ID.String(), Time: e.Time.UTC(), Account: name, Actor: e.Actor, Action: e.Action, Object: e.Object, Detail: e.Detail,
		}
		var kind account.ActorKind
		if kind, o.ActorName, err = who(e.Actor); err != nil {
			return nil, err
		}
		o.ActorKind = string(kind)
		if before, ok := personal[e.Action[:strings.IndexByte(e.Action, '.')+1]]; ok && e.Object != "" {
			if _, o.ObjectName, err = who(before + e.Object); err != nil {
				return nil, err
			}
		}
		page.Entries = append(page.Entries, o)
	}
	return operation.Answer(page), nil
}

// personal are the actions whose object is somebody, and how an actor of that kind is
// written.
var personal = map[string]string{"login.": "", "link.": "", "factors.": "", "password.": "", "token.": "token:"}

// whoIs looks up each actor once. The names of who runs the gateway are not told to
// its customers.
func (a *API) whoIs(ctx context.Context) func(actor string) (account.ActorKind, *string, error) {
	known := map[string]account.Actor{}
	return func(actor string) (account.ActorKind, *string, error) {
		who, ok := known[actor]
		if !ok {
			var err error
			if who, err = a.Accounts.Actor(ctx, actor); err != nil {
				return "", nil, err
			}
			known[actor] = who
		}
		if who.Name == "" || who.Kind != account.ActorRemote && !access.Own(ctx, who.Account) {
			return who.Kind, nil, nil
		}
		return who.Kind, &who.Name, nil
	}
}

func (a *API) accountNames(ctx context.Context) (map[uuid.UUID]string, error) {
	all, err := a.Accounts.Accounts(ctx)
	names := map[uuid.UUID]string{}
	if system, err := a.Accounts.Account(ctx, catalog.SystemAccount); err == nil {
		names[system.ID] = system.Name
	}
	for _, acct := range all {
		names[acct.ID] = acct.Name
	}
	return names, err
}

func (a *API) verifyAudit(ctx context.Context, _ *operation.None) (*operation.Out[portal.AuditReport], error) {
	r, err := health.VerifyAudit(ctx, a.Catalog, a.Keys)
	if err != nil {
		return nil, err
	}
	return operation.Answer(*r), nil
}
