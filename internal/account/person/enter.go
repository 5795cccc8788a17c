package person

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account/signin"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// The ways in, as a session's Method begins.
const (
	byPassword = "password"
	byLink     = "link"
)

func isLink(method string) bool { return strings.HasPrefix(method, byLink) }

// SignIn takes a username and a password. Whatever is wrong with them has one answer,
// after the same time.
func (s *Service) SignIn(ctx context.Context, from From, username string, password []byte) (*Entry, error) {
	who, err := s.signin.Password(ctx, from.attempt(username), password)
	if err != nil {
		return nil, err
	}
	return s.begin(ctx, from, who.Login, byPassword, false, s.now(), nil)
}

// EnterBy begins a session of a login whose identity was proved in another way, which
// method names. factorShown says that the proof had two factors in it.
func (s *Service) EnterBy(ctx context.Context, from From, login uuid.UUID, method string, factorShown bool) (*Entry, error) {
	return s.begin(ctx, from, login, method, factorShown, s.now(), nil)
}

// Elsewhere is a proof that somebody gave to another program, which we believe.
type Elsewhere struct {
	Method string
	At     time.Time // when it was given; zero = we were not told, and dangerous acts ask for another
	Factor bool      // it had two factors in it
}

// EnterFrom begins a session of a login by a proof that was given elsewhere, in one
// transaction with also.
func (s *Service) EnterFrom(ctx context.Context, from From, login uuid.UUID, proof Elsewhere, also func(*catalog.Tx) error) (*Entry, error) {
	return s.begin(ctx, from, login, proof.Method, proof.Factor, proof.At, also)
}

// ShowCode goes on with a sign-in by a one-time code or a recovery code.
func (s *Service) ShowCode(ctx context.Context, from From, secret, code string) (*Entry, error) {
	h, row, err := s.at(ctx, secret, from, Code)
	if err != nil {
		return nil, err
	}
	how, err := s.tryCode(ctx, from, h, code)
	if err != nil {
		return nil, err
	}
	return s.factorShown(ctx, from, h, row, how)
}

// factorShown goes on with a sign-in whose second factor was shown. With a first step
// of a while ago, as a provider's may be, that is no fresh proof of all that is asked for.
func (s *Service) factorShown(ctx context.Context, from From, h *house, row *logins.Session, how string) (*Entry, error) {
	if now := s.now(); now.Sub(row.ProvedAt).Abs() <= halfFor {
		row.ProvedAt = now
	}
	method := row.Method + "+" + how
	return s.advance(ctx, from, h, row, h.next(row.Method, true), method, nil)
}

// Again takes a fresh proof from who is signed in: the password, and a code when the
// login has one-time codes. It answers with the session under a new secret.
func (s *Service) Again(ctx context.Context, from From, secret string, password []byte, code string) (*Entry, error) {
	h, row, err := s.at(ctx, secret, from, Full)
	if err != nil {
		return nil, err
	}
	if err := s.passwordIs(ctx, from, h, password); err != nil {
		return nil, err
	}
	if h.factors.Codes {
		if _, err := s.tryCode(ctx, from, h, code); err != nil {
			return nil, err
		}
	} else if h.factors.Any() {
		return nil, fault.New(fault.Denied, "person: again", "show your passkey")
	}
	return s.proved(ctx, from, h, row)
}

// proved gives a session that is signed in a new secret and a fresh proof.
func (s *Service) proved(ctx context.Context, from From, h *house, row *logins.Session) (*Entry, error) {
	row.ProvedAt = s.now()
	return s.advance(ctx, from, h, row, Full, row.Method, func(tx *catalog.Tx) error {
		return tx.Audit(note(h.login, row.Login.String(), "session.proved", map[string]string{"session": row.ID.String()}))
	})
}

// passwordIs asks the password of who is signed in, at the price of a sign-in.
func (s *Service) passwordIs(ctx context.Context, from From, h *house, password []byte) error {
	name, err := s.username(ctx, h)
	if err != nil {
		return err
	}
	who, err := s.signin.Password(ctx, from.attempt(name), password)
	if err == nil && who.Login != h.login.ID || fault.Is(err, fault.Denied) {
		return fault.New(fault.Denied, "person: password", "the password is not right")
	}
	return err
}

func (s *Service) username(ctx context.Context, h *house) (string, error) {
	rec, err := s.records.Records(ctx, h.account.ID)
	if err != nil {
		return "", err
	}
	name, err := rec.Open("login", "name", h.login.ID, h.login.Name)
	return string(name), err
}

// Link lets a person in once. Only a hash of its secret is kept.
type Link struct {
	Secret   string
	Kind     string
	Login    uuid.UUID
	Language string // that the person has chosen; empty: none
	Until    time.Time
}

// The kinds of links, and how long they are good.
const (
	Invitation = "invitation"
	Reset      = "reset"
	Forgotten  = "forgotten" // asked for by whoever says that it is his

	invitationFor = 72 * time.Hour
	resetFor      = 24 * time.Hour
	forgottenFor  = time.Hour
)

// AddLink makes a link for a login in the transaction that gives reason to it. Those
// that it had before are good no more.
func (s *Service) AddLink(tx *catalog.Tx, actor string, l *logins.Login, kind string) (*Link, error) {
	lasts := map[string]time.Duration{Invitation: invitationFor, Reset: resetFor, Forgotten: forgottenFor}[kind]
	link := &Link{Secret: newSecret(), Kind: kind, Login: l.ID, Language: l.Language, Until: s.now().Add(lasts)}
	earlier, err := tx.Links(l.ID)
	if err != nil {
		return nil, err
	}
	row := &logins.Link{Hash: hash("link", link.Secret), Login: l.ID, Kind: kind, Until: link.Until, Nth: 1}
	for _, e := range earlier {
		if e.Kind == kind && s.now().Before(e.Until.Add(rememberedFor)) {
			row.Nth = e.Nth + 1
		}
	}
	if err := tx.DeleteLinks(l.ID); err != nil {
		return nil, err
	}
	if err := tx.InsertLink(row); err != nil {
		return nil, err
	}
	return link, tx.Audit(note(l, actor, "link.made", map[string]string{"kind": kind}))
}

var errLink = fault.New(fault.Denied, "person: link", "this link was used already, or its time is over; ask for a new one")

// Follow uses a link up and begins a session with it. Who has a second factor has to
// show it next.
func (s *Service) Follow(ctx context.Context, from From, secret string) (*Entry, error) {
	h := hash("link", strings.TrimSpace(secret))
	var link *logins.Link
	err := s.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		link, err = tx.Link(h, s.now())
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, errLink
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "person: link", err)
	}
	gone := false
	e, err := s.begin(ctx, from, link.Login, byLink, false, s.now(), func(tx *catalog.Tx) error {
		_, err := tx.TakeLink(h, s.now())
		gone = fault.Is(err, fault.NotFound) // somebody was faster
		if err != nil {
			return err
		}
		l, err := tx.Login(link.Login)
		if err != nil {
			return err
		}
		return tx.Audit(note(l, l.ID.String(), "link.used", map[string]string{"kind": link.Kind}))
	})
	if gone || fault.Is(err, fault.Denied) {
		return nil, errLink
	}
	return e, err
}

// tryCode looks at a code of any kind, uses it up, and says which it was.
func (s *Service) tryCode(ctx context.Context, from From, h *house, code string) (how string, err error) {
	totp, err := s.totpSecret(h)
	if err != nil {
		return "", err
	}
	err = s.signin.TryCode(ctx, from.attempt(""), h.login.ID, func(tx *catalog.Tx) (bool, error) {
		var err error
		how, err = s.useCode(tx, h.login, totp, code)
		if err == nil && how == "" { // who tries it has the password
			err = tx.Audit(note(h.login, h.login.ID.String(), "login.refused", map[string]string{"method": "code", "door": string(signin.Portal)}))
		}
		return how != "", err
	})
	return how, err
}
