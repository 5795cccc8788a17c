package person

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"sealgate/internal/account/passkey"
	"sealgate/internal/account/signin"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

const (
	passkeyAsked   = "passkey"
	passkeyOffered = "passkey-new"
	maxPasskeys    = 20 // of a login
	maxKeyName     = 60 // characters
)

// offered is the state of a passkey that is being made: for one session only.
type offered struct {
	Session uuid.UUID       `json:"session"`
	State   json.RawMessage `json:"state"`
}

// Passkey is one, for pages.
type Passkey struct {
	ID        uuid.UUID
	Name      string
	CreatedAt time.Time
	LastUsed  time.Time
}

// OfferPasskey asks the browser of who is signed in, or has to set up a second
// factor, to make a passkey.
func (s *Service) OfferPasskey(ctx context.Context, from From, secret, host string) (*Ceremony, error) {
	h, row, err := s.at(ctx, secret, from, Full, Factor)
	if err != nil {
		return nil, err
	}
	if h.factors.Passkeys >= maxPasskeys {
		return nil, errManyPasskeys
	}
	site, err := passkey.On(host)
	if err != nil {
		return nil, err
	}
	who, err := s.passkeyPerson(ctx, h)
	if err != nil {
		return nil, err
	}
	options, state, err := site.Offer(who)
	if err != nil {
		return nil, err
	}
	data, err := json.Marshal(offered{row.ID, state})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "person: passkey", err)
	}
	return s.ceremony(passkeyOffered, options, data), nil
}

var errManyPasskeys = fault.New(fault.Invalid, "person: passkey", "a login has at most %d passkeys; remove one first", maxPasskeys)

var errPasskey = fault.New(fault.Denied, "person: passkey", "the passkey could not be verified; try again")

// AddPasskey takes the browser's answer.
func (s *Service) AddPasskey(ctx context.Context, from From, secret, host, ceremony, name string, answer []byte) (*Entry, error) {
	const op = "person: add passkey"
	h, row, err := s.at(ctx, secret, from, Full, Factor)
	if err != nil {
		return nil, err
	}
	data, err := s.asked(passkeyOffered, ceremony)
	if err != nil {
		return nil, err
	}
	var o offered
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, fault.Wrap(fault.Damaged, op, err)
	}
	if o.Session != row.ID {
		return nil, errPasskey
	}
	site, err := passkey.On(host)
	if err != nil {
		return nil, err
	}
	who, err := s.passkeyPerson(ctx, h)
	if err != nil {
		return nil, err
	}
	key, err := site.Made(who, o.State, answer)
	if err != nil {
		return nil, err
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	rec, err := s.records.Records(ctx, h.account.ID)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	e, err := s.gained(ctx, from, h, row, "passkey", nil, func(tx *catalog.Tx) error {
		if err := s.useUp(tx, ceremony); err != nil {
			return err
		}
		all, err := tx.Passkeys(h.login.ID)
		if err != nil {
			return err
		}
		if len(all) >= maxPasskeys { // others were offered at the same time
			return errManyPasskeys
		}
		return tx.InsertPasskey(&logins.Passkey{
			ID: id, Login: h.login.ID, Credential: key.Credential, Record: key.Record, CreatedAt: s.now(),
			Name: rec.Seal("passkey", "name", id, []byte(keyName(name))),
		})
	})
	if fault.Is(err, fault.Exists) {
		return nil, fault.New(fault.Exists, op, "this passkey is there already")
	}
	return e, err
}

// keyName is a name as it can be shown.
func keyName(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) || r == utf8.RuneError {
			return -1
		}
		return r
	}, name))
	runes := []rune(name)
	return string(runes[:min(len(runes), maxKeyName)])
}

// passkeyPerson is who is signed in, with the passkeys that there are.
func (s *Service) passkeyPerson(ctx context.Context, h *house) (passkey.Person, error) {
	name, err := s.username(ctx, h)
	if err != nil {
		return passkey.Person{}, err
	}
	p := passkey.Person{ID: h.login.ID, Name: name}
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		rows, err := tx.Passkeys(h.login.ID)
		for _, k := range rows {
			p.Records = append(p.Records, k.Record)
		}
		return err
	})
	return p, fault.Wrap(fault.Internal, "person: passkeys", err)
}

// AskPasskey asks a browser, whoever sits at it, to show a passkey.
func (s *Service) AskPasskey(ctx context.Context, host string) (*Ceremony, error) {
	site, err := passkey.On(host)
	if err != nil {
		return nil, err
	}
	options, state, err := site.Ask()
	if err != nil {
		return nil, err
	}
	return s.ceremony(passkeyAsked, options, state), nil
}

// ShowPasskey takes the browser's answer: to sign in, when secret is that of no session;
// as the second factor of a sign-in that has come to that; as a fresh proof of who is
// signed in.
func (s *Service) ShowPasskey(ctx context.Context, from From, secret, host, ceremony string, answer []byte) (*Entry, error) {
	state, err := s.asked(passkeyAsked, ceremony)
	if err != nil {
		return nil, err
	}
	site, err := passkey.On(host)
	if err != nil {
		return nil, err
	}
	var row *logins.Passkey
	login, key, err := site.Shown(state, answer, func(credential []byte, who uuid.UUID) (p passkey.Person, err error) {
		row, err = s.passkeyOf(ctx, credential, who)
		if err != nil {
			return p, err
		}
		return passkey.Person{ID: who, Records: [][]byte{row.Record}}, nil
	})
	if err != nil {
		if row != nil && fault.Is(err, fault.Denied) && s.refused.Take(row.Login.String()) == 0 {
			s.refusedPasskey(ctx, row.Login)
		}
		return nil, err
	}
	row.Record, row.LastUsed = key.Record, s.now()
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := s.useUp(tx, ceremony); err != nil {
			return err
		}
		return tx.SavePasskey(row)
	})
	if err != nil {
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Exists) { // removed this moment; answered before
			return nil, errPasskey
		}
		return nil, fault.Wrap(fault.Internal, "person: passkey", err)
	}
	h, session, err := s.find(ctx, secret, from)
	if err != nil && !fault.Is(err, fault.Denied) {
		return nil, err
	}
	switch {
	case err != nil || !slices.Contains([]string{string(Code), string(Full)}, session.Stage):
		return s.EnterBy(ctx, from, login, "passkey", true)
	case session.Login != login && session.Stage == string(Full):
		return nil, fault.New(fault.Denied, "person: passkey", "this is the passkey of somebody else")
	case session.Login != login:
		return s.EnterBy(ctx, from, login, "passkey", true)
	case session.Stage == string(Full):
		return s.proved(ctx, from, h, session)
	}
	return s.factorShown(ctx, from, h, session, "passkey")
}

func (s *Service) passkeyOf(ctx context.Context, credential []byte, who uuid.UUID) (row *logins.Passkey, err error) {
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		row, err = tx.PasskeyByCredential(credential)
		return err
	})
	if err == nil && row.Login != who {
		return nil, fault.New(fault.NotFound, "person: passkey", "")
	}
	return row, fault.Wrap(fault.Internal, "person: passkey", err)
}

// refusedPasskey puts on record that a passkey's answer did not hold.
func (s *Service) refusedPasskey(ctx context.Context, login uuid.UUID) {
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		l, err := tx.Login(login)
		if err != nil {
			return err
		}
		return tx.Audit(note(l, login.String(), "login.refused", map[string]string{"method": "passkey", "door": string(signin.Portal)}))
	})
	if err != nil {
		s.log.Error("a passkey that did not hold could not be put on record", "login", login, "error", err)
	}
}

// Passkeys returns a login's passkeys, oldest first.
func (s *Service) Passkeys(ctx context.Context, login uuid.UUID) ([]Passkey, error) {
	const op = "person: passkeys"
	var rows []*logins.Passkey
	var account uuid.UUID
	err := s.catalog.View(ctx, func(tx *catalog.Tx) error {
		l, err := tx.Login(login)
		if err != nil {
			return err
		}
		account = l.Account
		rows, err = tx.Passkeys(login)
		return err
	})
	if err != nil || len(rows) == 0 {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	rec, err := s.records.Records(ctx, account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	var all []Passkey
	for _, row := range rows {
		name, err := rec.Open("passkey", "name", row.ID, row.Name)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
		all = append(all, Passkey{ID: row.ID, Name: string(name), CreatedAt: row.CreatedAt, LastUsed: row.LastUsed})
	}
	return all, nil
}

// RemovePasskey takes a passkey from who is signed in.
func (s *Service) RemovePasskey(ctx context.Context, from From, secret string, id uuid.UUID) error {
	h, _, err := s.at(ctx, secret, from, Full)
	if err != nil {
		return err
	}
	return s.loses(ctx, h, "passkey", func(tx *catalog.Tx) error { return tx.DeletePasskey(h.login.ID, id) })
}
