package api

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/account/approval"
	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
)

// allow decides whether the caller may see what an account's files say, and records
// the use before it happens (used). The account's own people may, as far as their role
// goes; who runs the gateway may when the account lets him.
func (a *API) allow(ctx context.Context, acct *account.Account, action string, object uuid.UUID) error {
	if !access.Own(ctx, acct.ID) {
		return fault.New(fault.NotFound, "api: account", "there is no such account")
	}
	return a.used(ctx, acct, action, object, a.leave)
}

// used puts on record that the caller looks at something of an account, if he has leave
// to. When the record cannot be written there is no use. What one of the account's own
// people looks at again and again stands there once a minute: a loop writes no log that
// nobody may shorten. Of who runs the gateway each use stands there.
func (a *API) used(ctx context.Context, acct *account.Account, action string, object uuid.UUID, leave leave) error {
	c := access.Of(ctx)
	entry := audit.Entry{Account: acct.ID, Actor: c.Actor, Action: action}
	if object != uuid.Nil {
		entry.Object = object.String()
	}
	key := entry.Actor + " " + action + " " + entry.Object
	if !c.Operator && a.looks.lately(key, a.Now()) {
		return nil
	}
	err := a.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		by, err := leave(ctx, tx, acct)
		if err != nil {
			return err
		}
		if by != uuid.Nil {
			entry.Detail = map[string]string{"approval": by.String()}
		}
		return tx.Audit(entry)
	})
	if err != nil {
		return fault.Wrap(fault.Internal, "api: access", err)
	}
	if !c.Operator {
		a.looks.note(key, a.Now())
	}
	return nil
}

// leave decides whether the caller may look, and by which approval; Nil = he needs none.
type leave func(context.Context, *catalog.Tx, *account.Account) (approval uuid.UUID, err error)

// everybody is the leave to look at what tells nothing.
func everybody(context.Context, *catalog.Tx, *account.Account) (uuid.UUID, error) {
	return uuid.Nil, nil
}

// looks are what was put on record a moment ago.
type looks struct {
	mu sync.Mutex
	at map[string]time.Time
}

const (
	foldFor  = time.Minute
	maxLooks = 10_000 // that are remembered
)

func (l *looks) lately(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.at[key]
	return ok && now.Sub(at).Abs() < foldFor
}

func (l *looks) note(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.at) >= maxLooks {
		maps.DeleteFunc(l.at, func(_ string, at time.Time) bool { return now.Sub(at).Abs() >= foldFor })
	}
	if l.at == nil || len(l.at) >= maxLooks { // each is on record then
		l.at = map[string]time.Time{}
	}
	l.at[key] = now
}

// leave decides whether the caller may see an account's contents now. What an operator
// needed an approval for (operator-access: asked) comes with its id.
func (a *API) leave(ctx context.Context, tx *catalog.Tx, acct *account.Account) (uuid.UUID, error) {
	const op = "api: access"
	if !access.Of(ctx).Operator || acct.OperatorAccess == catalog.OperatorOn {
		return uuid.Nil, nil
	}
	if acct.OperatorAccess != catalog.OperatorAsked {
		return uuid.Nil, fault.New(fault.Denied, op, "the account does not let operators see its contents")
	}
	running, err := approval.Running(tx, acct.ID, a.Now())
	if err != nil {
		return uuid.Nil, err
	}
	if running == nil {
		return uuid.Nil, fault.New(fault.Denied, op, "the account wants to approve this first, and has not")
	}
	return running.ID, nil
}
