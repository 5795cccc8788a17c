package accountapi

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

// ByToken names a token.
type ByToken struct {
	Token string `path:"token" doc:"its id or its name"`
}

func (o *office) tokens(r *operation.Router) {
	const path = "/accounts/{name}/tokens"
	operation.Register(r, http.MethodGet, path, "list-tokens", "The tokens of an account", o.listTokens)
	operation.Register(r, http.MethodPost, path, "add-token", "Make a token of an account; it is shown once", o.addToken)
	operation.Register(r, http.MethodDelete, path+"/{token}", "remove-token", "End a token of an account, at once", o.removeToken)
	operation.Register(r, http.MethodGet, "/tokens", "list-operator-tokens", "The tokens of who runs the gateway", o.listOperatorTokens)
	operation.Register(r, http.MethodPost, "/tokens", "add-operator-token", "Make a token for who runs the gateway; it is shown once", o.addOperatorToken)
	operation.Register(r, http.MethodDelete, "/tokens/{token}", "remove-operator-token", "End a token of who runs the gateway, at once", o.removeOperatorToken)
}

func (o *office) listTokens(ctx context.Context, in *operation.ByName) (*operation.Out[[]portal.Token], error) {
	all, err := o.Accounts.Tokens(ctx, in.Name)
	return tokensOf(all, "", err)
}

func (o *office) listOperatorTokens(ctx context.Context, _ *operation.None) (*operation.Out[[]portal.Token], error) {
	all, err := o.Accounts.OperatorTokens(ctx)
	return tokensOf(all, operatorRole, err)
}

func (o *office) addToken(ctx context.Context, in *struct {
	operation.ByName
	Body portal.NewToken
},
) (*operation.Out[portal.TokenMade], error) {
	t, secret, err := o.Accounts.AddToken(ctx, access.Of(ctx).Actor, in.Name, newToken(in.Body))
	return tokenMade(t, "", secret, err)
}

func (o *office) addOperatorToken(ctx context.Context, in *struct{ Body portal.NewToken }) (*operation.Out[portal.TokenMade], error) {
	t, secret, err := o.Accounts.AddOperatorToken(ctx, access.Of(ctx).Actor, newToken(in.Body))
	return tokenMade(t, operatorRole, secret, err)
}

func (o *office) removeToken(ctx context.Context, in *struct {
	operation.ByName
	ByToken
},
) (*operation.None, error) {
	return &operation.None{}, o.Accounts.RemoveToken(ctx, access.Of(ctx).Actor, in.Name, in.Token)
}

func (o *office) removeOperatorToken(ctx context.Context, in *ByToken) (*operation.None, error) {
	return &operation.None{}, o.Accounts.RemoveOperatorToken(ctx, access.Of(ctx).Actor, in.Token)
}

// operatorRole is what stands for a role in the tokens of who runs the gateway.
const operatorRole = "operator"

func newToken(n portal.NewToken) account.NewToken {
	return account.NewToken{Name: n.Name, Role: account.Role(n.Role), For: time.Duration(n.For)}
}

func tokenMade(t *account.Token, role, secret string, err error) (*operation.Out[portal.TokenMade], error) {
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.TokenMade{Token: tokenOf(t, role), Secret: secret}), nil
}

func tokensOf(all []*account.Token, role string, err error) (*operation.Out[[]portal.Token], error) {
	if err != nil {
		return nil, err
	}
	list := make([]portal.Token, 0, len(all))
	for _, t := range all {
		list = append(list, tokenOf(t, role))
	}
	return operation.Answer(list), nil
}

func tokenOf(t *account.Token, role string) portal.Token {
	o := portal.Token{
		ID: t.ID.String(), Role: cmp.Or(role, string(t.Role)),
		CreatedAt: t.CreatedAt.UTC(), Until: t.Until.UTC(), LastUsed: portal.Moment(t.LastUsed),
	}
	if !t.Unreadable {
		o.Name = &t.Name
	}
	return o
}
