package account

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"sealgate/internal/account/signin"
	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

const (
	tokenFor    = 90 * day // when nothing else is asked for
	maxTokenFor = 366 * day
	maxTokens   = 100 // of an account
	maxName     = 100 // bytes
)

// Token lets a program in, as a role of an account or for who runs the gateway.
type Token struct {
	ID         uuid.UUID
	Name       string
	Unreadable bool // the name is sealed under a record key that is not here: it is empty
	Role       Role
	CreatedAt  time.Time
	Until      time.Time
	LastUsed   time.Time
}

// NewToken says what token to make.
type NewToken struct {
	Name string        // what it is for; once in an account
	Role Role          // empty = Uploader
	For  time.Duration // how long it is good; 0 = 90 days
}

// AddToken makes a token of an account. The second result is its secret: it is
// nowhere else.
func (s *Service) AddToken(ctx context.Context, actor, account string, n NewToken) (*Token, string, error) {
	if err := checkAccountName(account); err != nil {
		return nil, "", err
	}
	if n.Role == "" {
		n.Role = Uploader
	}
	return s.addToken(ctx, actor, account, n)
}

// AddOperatorToken makes a token for who runs the gateway.
func (s *Service) AddOperatorToken(ctx context.Context, actor string, n NewToken) (*Token, string, error) {
	if n.Role != "" {
		return nil, "", fault.New(fault.Invalid, "account: add token", "a token of who runs the gateway has no role")
	}
	n.Role = Admin
	return s.addToken(ctx, actor, catalog.SystemAccount, n)
}

func (s *Service) addToken(ctx context.Context, actor, account string, n NewToken) (*Token, string, error) {
	const op = "account: add token"
	if n.For == 0 {
		n.For = tokenFor
	}
	if err := n.check(); err != nil {
		return nil, "", err
	}
	acc, rec, err := s.openAccount(ctx, account)
	if err != nil {
		return nil, "", err
	}
	id, err := newID(op)
	if err != nil {
		return nil, "", err
	}
	secret, now := signin.NewToken(), s.now()
	row := &logins.Token{
		ID: id, Account: acc.ID, Hash: signin.TokenHash(secret), Name: rec.Seal("token", "name", id, []byte(n.Name)),
		Role: string(n.Role), CreatedAt: now, Until: now.Add(n.For),
	}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if now, err := tx.Account(acc.ID); err != nil || now.State != catalog.AccountOpen {
			return closedOr(err)
		}
		all, err := tx.Tokens(acc.ID)
		if err != nil {
			return err
		}
		if len(all) >= maxTokens {
			return fault.New(fault.Invalid, op, "an account has at most %d tokens; remove some that are not used", maxTokens)
		}
		for _, other := range all {
			if name, err := rec.Open("token", "name", other.ID, other.Name); err == nil && string(name) == n.Name {
				return fault.New(fault.Exists, op, "there is a token of that name")
			}
		}
		if err := tx.InsertToken(row); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{
			Account: acc.ID, Actor: actor, Action: "token.added", Object: id.String(),
			Detail: map[string]string{"role": row.Role, "until": row.Until.UTC().Format(time.RFC3339)},
		})
	})
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	return &Token{ID: id, Name: n.Name, Role: n.Role, CreatedAt: now, Until: row.Until}, secret, nil
}

func (n NewToken) check() error {
	const op = "account: add token"
	switch {
	case n.Name == "" || len(n.Name) > maxName || !utf8.ValidString(n.Name) || strings.ContainsFunc(n.Name, notInName):
		return fault.New(fault.Invalid, op, "a token has a name that says what it is for: 1 to %d bytes, no slash and no control characters", maxName)
	case uuidLike(n.Name):
		return fault.New(fault.Invalid, op, "a token's name is not an id")
	case !n.Role.Known():
		return fault.New(fault.Invalid, op, "role is uploader, reader, approver or admin, not %q", n.Role)
	case n.For < time.Minute || n.For > maxTokenFor:
		return fault.New(fault.Invalid, op, "a token is good for a minute to 366 days")
	}
	return nil
}

func notInName(r rune) bool { return r < ' ' || r == 0x7f || r == '/' }

func uuidLike(text string) bool {
	_, err := uuid.Parse(text)
	return err == nil
}

// Tokens returns the tokens of an account, also those whose time is over, oldest
// first.
func (s *Service) Tokens(ctx context.Context, account string) ([]*Token, error) {
	acc, err := s.row(ctx, account)
	if err != nil {
		return nil, err
	}
	rows, err := s.tokenRows(ctx, acc.ID)
	if err != nil {
		return nil, err
	}
	return s.openTokens(ctx, acc.ID, rows)
}

// OperatorTokens returns the tokens of who runs the gateway.
func (s *Service) OperatorTokens(ctx context.Context) ([]*Token, error) {
	return s.Tokens(ctx, catalog.SystemAccount)
}

func (s *Service) tokenRows(ctx context.Context, account uuid.UUID) (rows []*logins.Token, err error) {
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		rows, err = tx.Tokens(account)
		return err
	})
	return rows, fault.Wrap(fault.Internal, "account: tokens", err)
}

func (s *Service) openTokens(ctx context.Context, account uuid.UUID, rows []*logins.Token) ([]*Token, error) {
	rec, err := s.keys.Records(ctx, account)
	if err != nil && !fault.Is(err, fault.Locked) {
		return nil, err
	}
	all := make([]*Token, 0, len(rows))
	for _, row := range rows {
		t := &Token{ID: row.ID, Role: Role(row.Role), CreatedAt: row.CreatedAt, Until: row.Until, LastUsed: row.LastUsed, Unreadable: true}
		if rec != nil {
			name, err := rec.Open("token", "name", row.ID, row.Name)
			if err != nil && !fault.Is(err, fault.Locked) {
				return nil, err
			}
			t.Name, t.Unreadable = string(name), err != nil
		}
		all = append(all, t)
	}
	return all, nil
}

// RemoveToken ends a token of an account, named by its id or its name. The next
// request with it is refused.
func (s *Service) RemoveToken(ctx context.Context, actor, account, token string) error {
	acc, err := s.row(ctx, account)
	if err != nil {
		return err
	}
	all, err := s.Tokens(ctx, account)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.ID.String() != token && (t.Unreadable || t.Name != token) {
			continue
		}
		err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
			if err := tx.DeleteToken(t.ID); err != nil {
				return err
			}
			return tx.Audit(audit.Entry{Account: acc.ID, Actor: actor, Action: "token.removed", Object: t.ID.String()})
		})
		return fault.Wrap(fault.Internal, "account: remove token", err)
	}
	return fault.New(fault.NotFound, "account: remove token", "the account has no such token")
}

// RemoveOperatorToken ends a token of who runs the gateway.
func (s *Service) RemoveOperatorToken(ctx context.Context, actor, token string) error {
	return s.RemoveToken(ctx, actor, catalog.SystemAccount, token)
}
