package api

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

func (a *API) operators() {
	operation.Register(a.Router, http.MethodGet, "/operators", "list-operators", "Who runs the gateway", a.listOperators)
	operation.Register(a.Router, http.MethodPost, "/operators", "add-operator", "Add an operator; answers with a one-time link", a.addOperator)
	operation.Register(a.Router, http.MethodPost, "/operators/{email}/reset", "reset-operator", "A new one-time link; what the operator signed in with is void", a.resetOperator)
	operation.Register(a.Router, http.MethodDelete, "/operators/{email}", "remove-operator", "Remove an operator", a.removeOperator)
}

func (a *API) listOperators(ctx context.Context, _ *operation.None) (*operation.Out[[]portal.Operator], error) {
	all, err := a.Accounts.Operators(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Operator, 0, len(all))
	for _, o := range all {
		list = append(list, portal.Operator{ID: o.ID.String(), Email: o.Username, CreatedAt: o.CreatedAt.UTC(), LastSeen: portal.Moment(o.LastSeen)})
	}
	return operation.Answer(list), nil
}

func (a *API) addOperator(ctx context.Context, in *struct {
	Body struct {
		Email string `json:"email"`
	}
},
) (*operation.Out[portal.Link], error) {
	link, err := a.Accounts.AddOperator(ctx, access.Of(ctx).Actor, in.Body.Email)
	return linkOf(in.Body.Email, link, err)
}

func (a *API) resetOperator(ctx context.Context, in *struct {
	ByEmail
	SecondFactor bool `query:"second_factor" doc:"take the second factor away, too: for who has lost it"`
},
) (*operation.Out[portal.Link], error) {
	link, err := a.Accounts.ResetOperator(ctx, access.Of(ctx).Actor, in.Email, in.SecondFactor)
	return linkOf(in.Email, link, err)
}

func (a *API) removeOperator(ctx context.Context, in *ByEmail) (*operation.None, error) {
	return &operation.None{}, a.Accounts.RemoveOperator(ctx, access.Of(ctx).Actor, in.Email)
}

func linkOf(email string, link *person.Link, err error) (*operation.Out[portal.Link], error) {
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.Link{Email: email, Path: welcome(link), Until: link.Until.UTC()}), nil
}
