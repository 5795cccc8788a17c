package operation

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
)

// asked is what a request wants to do, and to what.
type asked struct {
	operation string
	object    string // an id or the name of an account; "" = neither
}

type askedKey struct{}

// guard lets a request through to an operation when its caller may do that, and,
// where the path or the query names an account, to that account; and to a dangerous
// one when he has proved lately that it is he.
func (r *Router) guard(operation, path string, req *http.Request) (context.Context, error) {
	ctx := req.Context()
	c := access.Of(ctx)
	t := ctx.Value(tallyKey{}).(*tally) // serve has put it there
	t.operation = operation
	if err := c.May(access.RightTo(operation)); err != nil {
		return ctx, err
	}
	if t.leave = r.underWay.begin(c, operation); t.leave == nil {
		return ctx, tooMany("too many requests of this account are under way; end one first")
	}
	what := asked{operation: operation}
	names := req.URL.Query()["account"]
	if strings.HasPrefix(path, "/accounts/{name}") {
		names = append(names, req.PathValue("name"))
	}
	for _, name := range names {
		if account.NameOK(name) {
			what.object = name
		}
	}
	if id, err := uuid.Parse(req.PathValue("id")); err == nil {
		what.object = id.String()
	}
	ctx = context.WithValue(ctx, askedKey{}, what)
	if !c.Operator && len(names) > 0 {
		if err := r.ownName(ctx, names); err != nil {
			return ctx, err
		}
	}
	// Operators are logins of the built-in account, but they are made, changed and
	// removed as operators only, by rules of their own.
	if c.Operator && req.PathValue("name") == catalog.SystemAccount && strings.HasPrefix(path, "/accounts/{name}/logins") {
		return ctx, fault.New(fault.NotFound, "api", "operators are not here: see /operators")
	}
	if err := access.Allowed(ctx, operation, r.opt.Now()); err != nil || c.Local || !access.WritesKeys(operation) {
		return ctx, err
	}
	if wait := r.keys.Take(what.object); wait > 0 {
		p := portal.ProblemOf(fault.New(fault.TryLater, "api", "the account's keys and secrets were changed very often; try again in %d s", int(wait.Seconds())+1))
		p.Status = http.StatusTooManyRequests
		return ctx, p
	}
	return ctx, nil
}

// ownName lets account callers name no account but their own. All others are not
// there for them, be there one of that name or not.
func (r *Router) ownName(ctx context.Context, names []string) error {
	var mine *catalog.Account
	err := r.opt.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		mine, err = tx.Account(access.Of(ctx).Account)
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

func mustHaveRight(operation string) {
	if access.RightTo(operation) == 0 {
		panic(fmt.Sprintf("api: operation %q is not in the table of rights", operation))
	}
}

// missed puts on record that somebody of an account asked for what is not there
// for him. It is the same, and takes the same time, whether somebody else has it.
func (r *Router) missed(ctx context.Context) {
	c := access.Of(ctx)
	what, ok := ctx.Value(askedKey{}).(asked)
	if !ok || c.Operator {
		return
	}
	r.Denied(ctx, what.operation, what.object)
}

// Denied puts on record that the caller asked for what is not there for him.
func (r *Router) Denied(ctx context.Context, operation, object string) {
	c := access.Of(ctx)
	if r.misses.Take(c.Name) > 0 {
		r.opt.Log.WarnContext(ctx, "api: more requests for what is not there than are put on record", "actor", c.Actor, "operation", operation)
		return
	}
	entry := audit.Entry{
		Account: c.Account, Actor: c.Actor, Action: "access.denied", Object: object, Detail: map[string]string{"operation": operation},
	}
	ctx = context.WithoutCancel(ctx) // who does not wait for the answer has asked all the same
	if err := r.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Audit(entry) }); err != nil {
		r.opt.Log.ErrorContext(ctx, "api: a denied access could not be put on record", "actor", c.Actor, "error", err)
	}
}
