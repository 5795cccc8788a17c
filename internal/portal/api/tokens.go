package api

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
)

// ByToken names a token.
type ByToken struct {
	Token string `path:"token" doc:"its id or its name"`
}

func (a *API) tokens() {
	const path = "/accounts/{name}/tokens"
	register(a, http.MethodGet, path, "list-tokens", "The tokens of an account", a.listTokens)
	register(a, http.MethodPost, path, "add-token", "Make a token of an account; it is shown once", a.addToken)
	register(a, http.MethodDelete, path+"/{token}", "remove-token", "End a token of an account, at once", a.removeToken)
	register(a, http.MethodGet, "/tokens", "list-operator-tokens", "The tokens of who runs the gateway", a.listOperatorTokens)
	register(a, http.MethodPost, "/tokens", "add-operator-token", "Make a token for who runs the gateway; it is shown once", a.addOperatorToken)
	register(a, http.MethodDelete, "/tokens/{token}", "remove-operator-token", "End a token of who runs the gateway, at once", a.removeOperatorToken)
}

func (a *API) listTokens(ctx context.Context, in *ByName) (*out[[]portal.Token], error) {
	all, err := a.Accounts.Tokens(ctx, in.Name)
	return tokensOf(all, "", err)
}

func (a *API) listOperatorTokens(ctx context.Context, _ *none) (*out[[]portal.Token], error) {
	all, err := a.Accounts.OperatorTokens(ctx)
	return tokensOf(all, operatorRole, err)
}

func (a *API) addToken(ctx context.Context, in *struct {
	ByName
	Body portal.NewToken
},
) (*out[portal.TokenMade], error) {
	t, secret, err := a.Accounts.AddToken(ctx, caller(ctx).Actor, in.Name, newToken(in.Body))
	return tokenMade(t, "", secret, err)
}

func (a *API) addOperatorToken(ctx context.Context, in *struct{ Body portal.NewToken }) (*out[portal.TokenMade], error) {
	t, secret, err := a.Accounts.AddOperatorToken(ctx, caller(ctx).Actor, newToken(in.Body))
	return tokenMade(t, operatorRole, secret, err)
}

func (a *API) removeToken(ctx context.Context, in *struct {
	ByName
	ByToken
},
) (*none, error) {
	return &none{}, a.Accounts.RemoveToken(ctx, caller(ctx).Actor, in.Name, in.Token)
}

func (a *API) removeOperatorToken(ctx context.Context, in *ByToken) (*none, error) {
	return &none{}, a.Accounts.RemoveOperatorToken(ctx, caller(ctx).Actor, in.Token)
}

// operatorRole is what stands for a role in the tokens of who runs the gateway.
const operatorRole = "operator"

func newToken(n portal.NewToken) account.NewToken {
	return account.NewToken{Name: n.Name, Role: account.Role(n.Role), For: time.Duration(n.For)}
}

func tokenMade(t *account.Token, role, secret string, err error) (*out[portal.TokenMade], error) {
	if err != nil {
		return nil, err
	}
	return &out[portal.TokenMade]{portal.TokenMade{Token: tokenOf(t, role), Secret: secret}}, nil
}

func tokensOf(all []*account.Token, role string, err error) (*out[[]portal.Token], error) {
	if err != nil {
		return nil, err
	}
	list := make([]portal.Token, 0, len(all))
	for _, t := range all {
		list = append(list, tokenOf(t, role))
	}
	return &out[[]portal.Token]{list}, nil
}

func tokenOf(t *account.Token, role string) portal.Token {
	o := portal.Token{
		ID: t.ID.String(), Role: cmp.Or(role, string(t.Role)),
		CreatedAt: t.CreatedAt.UTC(), Until: t.Until.UTC(), LastUsed: moment(t.LastUsed),
	}
	if !t.Unreadable {
		o.Name = &t.Name
	}
	return o
}

// bearer lets in programs by their tokens.
type bearer struct{ accounts *account.Service }

// Bearer knows callers by the token in their Authorization header. It is looked
// for nowhere else: not in a query, which is logged, nor in a cookie, which others
// can have sent.
func (a *API) Bearer() Authenticator { return bearer{a.Accounts} }

func (b bearer) Caller(ctx context.Context, r *http.Request) (Caller, error) {
	sent := r.Header.Values("Authorization")
	if len(sent) == 0 {
		return Caller{}, fault.New(fault.Denied, "api: sign in", "say who you are: Authorization: Bearer and a token")
	}
	scheme, secret, _ := strings.Cut(sent[0], " ")
	if len(sent) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return Caller{}, fault.New(fault.Denied, "api: sign in", "one Authorization header with Bearer and a token is taken, nothing else")
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return Caller{}, fault.Wrap(fault.Internal, "api: sign in", err)
	}
	who, err := b.accounts.Bearer(ctx, secret, from.Addr())
	if err != nil {
		return Caller{}, err
	}
	c := Caller{Actor: "token:" + who.Token.String(), Name: who.Token.String(), Source: "api"}
	if who.Operator {
		c.Operator = true
	} else {
		c.Account, c.Role = who.Account, who.Role
	}
	return c, nil
}
