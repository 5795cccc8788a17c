package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// right is what a caller needs for an operation.
type right int

const (
	onMachine right = iota + 1 // to be on the gateway's own machine
	operate                    // to run the gateway
	see                        // to run it, or a role in the account: what files are there
	send                       // a role that sends files; who runs the gateway sends none
	read                       // to run it, or a role that reads: contents and payments
	decide                     // to run it, or a role that decides about files
	manage                     // to run it, or to be an admin of the account
)

// roles are the roles of an account that have a right in it. What they do has to be
// their own account's, too: guard and own see to that.
var roles = map[right][]account.Role{
	see:    {account.Uploader, account.Reader, account.Approver, account.Admin},
	send:   {account.Uploader, account.Approver, account.Admin},
	read:   {account.Reader, account.Approver, account.Admin},
	decide: {account.Approver, account.Admin},
	manage: {account.Admin},
}

// String says for whom an operation is, for the API's description.
func (r right) String() string {
	switch r {
	case onMachine:
		return "For who runs the gateway, on its own machine."
	case operate:
		return "For who runs the gateway."
	case send:
		return "For " + roleNames(roles[r]) + " of an account."
	}
	return "For who runs the gateway, and " + roleNames(roles[r]) + " of the account."
}

// rights is the one table of who may do what. An operation that is not in it is
// not there.
var rights = map[string]right{
	"list-accounts":  see, // account callers: their own
	"add-account":    operate,
	"get-account":    see,
	"set-account":    manage,
	"remove-account": operate,

	"list-logins":  manage,
	"add-login":    manage,
	"get-login":    manage,
	"set-login":    manage,
	"remove-login": manage,

	"list-operators":  operate,
	"add-operator":    operate,
	"reset-operator":  operate,
	"remove-operator": operate,

	"list-tokens":           manage,
	"add-token":             manage,
	"remove-token":          manage,
	"list-operator-tokens":  operate,
	"add-operator-token":    onMachine, // a token cannot make itself a longer life
	"remove-operator-token": operate,

	"list-files":    see,
	"get-file":      see,
	"wait-for-file": see,
	"get-receipt":   see,
	"get-content":   read,
	"get-sealed":    read,
	"release-file":  decide,
	"reindex-file":  decide,
	"erase-file":    decide,

	"create-upload":   send,
	"upload-options":  send,
	"upload-progress": send,
	"send-upload":     send,
	"override-upload": send,
	"drop-upload":     send,
	"put-file":        send,
	"post-files":      send,

	"send-to-outbox": operate,
	"list-outbox":    read,
	"list-payments":  read,

	"list-certificates":           read,
	"renew-certificate":           manage,
	"import-certificate":          manage,
	"export-certificate":          manage,
	"preview-certificate-removal": manage,
	"remove-certificate":          manage,
	"keep-certificate":            manage,

	"list-access-keys":           read,
	"add-access-key":             manage,
	"export-access-key":          manage,
	"challenge-access-key":       manage,
	"confirm-access-key":         manage,
	"get-encrypted-access-key":   onMachine,
	"preview-access-key-removal": manage,
	"remove-access-key":          manage,
	"keep-access-key":            manage,
	"unlock-account":             manage,
	"lock-account":               manage,
	"reseal-account":             manage,
	"reseal-progress":            read,

	"list-statements": read,
	"get-statement":   read,
	"list-audit":      manage,
	"verify-audit":    operate,

	"show-keys":         operate,
	"back-up-keys":      onMachine,
	"rotate-master-key": onMachine,
	"back-up":           onMachine,
	"backup-progress":   onMachine,
	"doctor":            operate,
}

// may tells whether the caller has a right. Whose the thing is, is another question.
func (c Caller) may(r right) error {
	switch {
	case r == onMachine && c.Local, r != onMachine && r != send && c.Operator:
		return nil
	case r == onMachine:
		return fault.New(fault.Denied, "api", "this can be done on the gateway's own machine only")
	case c.Operator:
		return fault.New(fault.Denied, "api", "operators send no files; somebody of the account does")
	case r == operate || c.Account == uuid.Nil:
		return fault.New(fault.Denied, "api", "only an operator may do this")
	case !slices.Contains(roles[r], c.Role):
		return fault.New(fault.Denied, "api", "this needs the role %s", roleNames(roles[r]))
	}
	return nil
}

func roleNames(list []account.Role) string {
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = string(r)
	}
	return strings.Join(names, " or ")
}

// asked is what a request wants to do, and to what.
type asked struct {
	operation string
	object    string // an id or the name of an account; "" = neither
}

type askedKey struct{}

// guard lets a request through to an operation when its caller may do that, and,
// where the path or the query names an account, to that account.
func (a *API) guard(operation, path string, r *http.Request) (context.Context, error) {
	ctx, c := r.Context(), caller(r.Context())
	if err := c.may(rights[operation]); err != nil {
		return ctx, err
	}
	what := asked{operation: operation}
	names := r.URL.Query()["account"]
	if strings.HasPrefix(path, "/accounts/{name}") {
		names = append(names, r.PathValue("name"))
	}
	for _, name := range names {
		if account.NameOK(name) {
			what.object = name
		}
	}
	if id, err := uuid.Parse(r.PathValue("id")); err == nil {
		what.object = id.String()
	}
	ctx = context.WithValue(ctx, askedKey{}, what)
	if c.Operator || len(names) == 0 {
		return ctx, nil
	}
	return ctx, a.ownName(ctx, names)
}

// ownName lets account callers name no account but their own. All others are not
// there for them, be there one of that name or not.
func (a *API) ownName(ctx context.Context, names []string) error {
	var mine *catalog.Account
	err := a.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		mine, err = tx.Account(caller(ctx).Account)
		return err
	})
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != mine.Name {
			return fault.New(fault.NotFound, "api: account", "there is no such account")
		}
	}
	return nil
}

// own tells whether the caller may see that this account has something.
func own(ctx context.Context, account uuid.UUID) bool {
	c := caller(ctx)
	return c.Operator || account != uuid.Nil && c.Account == account
}

// guarded is guard for the operations that huma reads and writes. It stands before
// anything of the request is read.
func (a *API) guarded(operation, path string) func(huma.Context, func(huma.Context)) {
	mustHaveRight(operation)
	return func(hc huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(hc)
		ctx, err := a.guard(operation, path, r)
		if err != nil {
			a.refuse(ctx, w, err)
			return
		}
		next(huma.WithContext(hc, ctx))
	}
}

func mustHaveRight(operation string) {
	if rights[operation] == 0 {
		panic(fmt.Sprintf("api: operation %q is not in the table of rights", operation))
	}
}

// missed puts on record that somebody of an account asked for what is not there
// for him. It is the same, and takes the same time, whether somebody else has it.
func (a *API) missed(ctx context.Context) {
	c := caller(ctx)
	what, ok := ctx.Value(askedKey{}).(asked)
	if !ok || c.Operator {
		return
	}
	a.Denied(ctx, what.operation, what.object)
}

// Denied puts on record that the caller asked for what is not there for him.
func (a *API) Denied(ctx context.Context, operation, object string) {
	c := caller(ctx)
	if a.misses.take(c.Name) > 0 {
		a.Log.WarnContext(ctx, "api: more requests for what is not there than are put on record", "actor", c.Actor, "operation", operation)
		return
	}
	entry := audit.Entry{
		Account: c.Account, Actor: c.Actor, Action: "access.denied", Object: object, Detail: map[string]string{"operation": operation},
	}
	ctx = context.WithoutCancel(ctx) // who does not wait for the answer has asked all the same
	if err := a.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Audit(entry) }); err != nil {
		a.Log.ErrorContext(ctx, "api: a denied access could not be put on record", "actor", c.Actor, "error", err)
	}
}
