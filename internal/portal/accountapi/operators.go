package accountapi

import (
	"context"
	"net/http"

	"sealgate/internal/account/person"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

// ByEmail names an operator.
type ByEmail struct {
	Email string `path:"email"`
}

func (o *office) operators(r *operation.Router) {
	operation.Register(r, http.MethodGet, "/operators", "list-operators", "Who runs the gateway", o.listOperators)
	operation.Register(r, http.MethodPost, "/operators", "add-operator", "Add an operator; answers with a one-time link", o.addOperator)
	operation.Register(r, http.MethodPost, "/operators/{email}/reset", "reset-operator", "A new one-time link; the password is void, sessions end; passkeys and codes stay, and a passkey signs in by itself, unless they are to go, too", o.resetOperator)
	operation.Register(r, http.MethodDelete, "/operators/{email}", "remove-operator", "Remove an operator", o.removeOperator)
}

func (o *office) listOperators(ctx context.Context, _ *operation.None) (*operation.Out[[]portal.Operator], error) {
	all, err := o.Accounts.Operators(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Operator, 0, len(all))
	for _, o := range all {
		list = append(list, portal.Operator{
			ID: o.ID.String(), Email: o.Username, Codes: o.Factors.Codes, Passkeys: o.Factors.Passkeys, CreatedAt: o.CreatedAt.UTC(), LastSeen: portal.Moment(o.LastSeen),
		})
	}
	return operation.Answer(list), nil
}

func (o *office) addOperator(ctx context.Context, in *struct {
	Body struct {
		Email string `json:"email"`
	}
},
) (*operation.Out[portal.Link], error) {
	link, err := o.Accounts.AddOperator(ctx, access.Of(ctx).Actor, in.Body.Email)
	return o.linkOf(ctx, in.Body.Email, link, err)
}

func (o *office) resetOperator(ctx context.Context, in *struct {
	ByEmail
	SecondFactor bool `query:"second_factor" doc:"take passkeys, codes and recovery codes away, too: for who has lost them, or has somebody else in"`
},
) (*operation.Out[portal.Link], error) {
	link, err := o.Accounts.ResetOperator(ctx, access.Of(ctx).Actor, in.Email, in.SecondFactor)
	return o.linkOf(ctx, in.Email, link, err)
}

func (o *office) removeOperator(ctx context.Context, in *ByEmail) (*operation.None, error) {
	return &operation.None{}, o.Accounts.RemoveOperator(ctx, access.Of(ctx).Actor, in.Email)
}

func (o *office) linkOf(ctx context.Context, email string, link *person.Link, err error) (*operation.Out[portal.Link], error) {
	if err != nil {
		return nil, err
	}
	hand := o.hand(ctx, email, link)
	hand.Email = email
	return operation.Answer(*hand), nil
}
