package access

import (
	"context"
	"net/http"
	"net/netip"
	"strings"

	"sealgate/internal/account"
	"sealgate/internal/fault"
)

// Bearer knows callers by the token in their Authorization header. It is looked
// for nowhere else: not in a query, which is logged, nor in a cookie, which others
// can have sent.
func Bearer(accounts *account.Service) Authenticator { return bearer{accounts} }

type bearer struct{ accounts *account.Service }

func (b bearer) Caller(ctx context.Context, r *http.Request) (Caller, error) {
	const op = "access: sign in"
	sent := r.Header.Values("Authorization")
	if len(sent) == 0 {
		return Caller{}, fault.New(fault.Denied, op, "say who you are: Authorization: Bearer and a token")
	}
	scheme, secret, _ := strings.Cut(sent[0], " ")
	if len(sent) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return Caller{}, fault.New(fault.Denied, op, "one Authorization header with Bearer and a token is taken, nothing else")
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return Caller{}, fault.Wrap(fault.Internal, op, err)
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
