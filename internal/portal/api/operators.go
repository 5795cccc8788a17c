package api

import (
	"context"
	"net/http"

	"sealgate/internal/account"
	"sealgate/internal/portal"
)

// ByEmail names an operator.
type ByEmail struct {
	Email string `path:"email"`
}

func (a *API) operators() {
	register(a, http.MethodGet, "/operators", "list-operators", "Who runs the gateway", a.listOperators)
	register(a, http.MethodPost, "/operators", "add-operator", "Add an operator; answers with a one-time link", a.addOperator)
	register(a, http.MethodPost, "/operators/{email}/reset", "reset-operator", "A new one-time link; what the operator signed in with is void", a.resetOperator)
	register(a, http.MethodDelete, "/operators/{email}", "remove-operator", "Remove an operator", a.removeOperator)
}

func (a *API) listOperators(ctx context.Context, _ *none) (*out[[]portal.Operator], error) {
	all, err := a.Accounts.Operators(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Operator, 0, len(all))
	for _, o := range all {
		list = append(list, portal.Operator{ID: o.ID.String(), Email: o.Username, CreatedAt: o.CreatedAt.UTC(), LastSeen: moment(o.LastSeen)})
	}
	return &out[[]portal.Operator]{list}, nil
}

func (a *API) addOperator(ctx context.Context, in *struct {
	Body struct {
		Email string `json:"email"`
	}
},
) (*out[portal.Link], error) {
	link, err := a.Accounts.AddOperator(ctx, caller(ctx).Actor, in.Body.Email)
	return linkOf(in.Body.Email, link, err)
}

func (a *API) resetOperator(ctx context.Context, in *ByEmail) (*out[portal.Link], error) {
	link, err := a.Accounts.ResetOperator(ctx, caller(ctx).Actor, in.Email)
	return linkOf(in.Email, link, err)
}

func (a *API) removeOperator(ctx context.Context, in *ByEmail) (*none, error) {
	return &none{}, a.Accounts.RemoveOperator(ctx, caller(ctx).Actor, in.Email)
}

func linkOf(email string, link *account.Link, err error) (*out[portal.Link], error) {
	if err != nil {
		return nil, err
	}
	return &out[portal.Link]{portal.Link{Email: email, Path: "/welcome#" + link.Secret, Until: link.Until.UTC()}}, nil
}
