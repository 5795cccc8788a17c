package accountapi

import (
	"context"
	"net/http"
	"time"

	"sealgate/internal/account/approval"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

// ofApproval names one.
type ofApproval struct {
	operation.ByName
	ID string `path:"id"`
}

func (o *office) approvals(r *operation.Router) {
	const all, one = "/accounts/{name}/approvals", "/accounts/{name}/approvals/{id}"
	looks := &approval.Service{Catalog: o.Catalog, Custody: o.Custody, Now: o.Now}
	operation.Register(r, http.MethodGet, all, "list-approvals", "Looks at an account's contents that operators have asked its people for, newest first",
		func(ctx context.Context, in *operation.ByName) (*operation.Out[[]portal.Approval], error) {
			rows, err := looks.List(ctx, in.Name)
			if err != nil {
				return nil, err
			}
			list := make([]portal.Approval, 0, len(rows))
			for _, a := range rows {
				list = append(list, approvalOf(a))
			}
			return operation.Answer(list), nil
		})
	operation.Register(r, http.MethodPost, all, "ask-approval", "Ask an account to let operators see its contents for some hours",
		func(ctx context.Context, in *struct {
			operation.ByName
			Body portal.NewApproval
		},
		) (*operation.Out[portal.Approval], error) {
			return shownApproval(looks.Ask(ctx, access.Of(ctx).Actor, in.Name, in.Body.Reason, time.Duration(in.Body.For)))
		})
	for _, answer := range []struct {
		verb, operation, summary string
		act                      func(ctx context.Context, actor, account, id string) (*approval.Approval, error)
	}{
		{"allow", "allow-approval", "Let operators see the account's contents, for as long as was asked for", looks.Allow},
		{"refuse", "refuse-approval", "Do not let them", looks.Refuse},
		{"end", "end-approval", "End it before its time, or take a request back", looks.End},
	} {
		operation.Register(r, http.MethodPost, one+"/"+answer.verb, answer.operation, answer.summary,
			func(ctx context.Context, in *ofApproval) (*operation.Out[portal.Approval], error) {
				return shownApproval(answer.act(ctx, access.Of(ctx).Actor, in.Name, in.ID))
			})
	}
}

func shownApproval(a *approval.Approval, err error) (*operation.Out[portal.Approval], error) {
	if err != nil {
		return nil, err
	}
	return operation.Answer(approvalOf(a)), nil
}

func approvalOf(a *approval.Approval) portal.Approval {
	shown := portal.Approval{
		ID: a.ID.String(), Account: a.Name, State: a.State, For: portal.Duration(a.Lasts), AskedBy: a.AskedBy, AskedAt: a.AskedAt.UTC(),
		AnsweredBy: a.AnsweredBy, AnsweredAt: portal.Moment(a.AnsweredAt), Until: a.Until.UTC(),
	}
	if !a.Unreadable {
		shown.Reason = &a.Reason
	}
	return shown
}
