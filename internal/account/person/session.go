package person

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account/signin"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// How long things last.
const (
	idleFor    = 30 * time.Minute
	fullFor    = 8 * time.Hour
	halfFor    = 10 * time.Minute // to show a code
	setUpFor   = time.Hour        // to set up how to sign in
	touchEvery = time.Minute

	// ProofFor is how long a proof of who somebody is counts for dangerous acts.
	ProofFor = 5 * time.Minute

	maxAgent    = 200 // bytes of a browser's name that are kept
	maxSessions = 50  // of a login, that are signed in
	maxHalves   = 10  // of a login, that are on the way
)

// Stage is how far a sign-in has come.
type Stage string

// The stages. Who is not at Full may do nothing but go on.
const (
	Code     Stage = "code"     // the second factor is to be shown
	Password Stage = "password" // a password is to be chosen
	Factor   Stage = "factor"   // a second factor is to be set up
	Full     Stage = "full"     // signed in
)

// lasts is how long a session is good that has come this far.
func (g Stage) lasts() time.Duration {
	switch g {
	case Full:
		return fullFor
	case Code:
		return halfFor
	}
	return setUpFor
}

// From says from where and with what somebody comes.
type From struct {
	Source netip.Addr
	Device string // what the browser was given when it signed in before; empty otherwise
	Agent  string // what the browser says it is
	// Background: nobody did anything, a page that is open asks by itself. It keeps no
	// session alive.
	Background bool
}

func (f From) attempt(username string) signin.Attempt {
	return signin.Attempt{Username: username, Source: f.Source, Device: f.Device, Door: signin.Portal}
}

// Session is somebody who is signed in, or on the way to it.
type Session struct {
	ID          uuid.UUID
	Login       uuid.UUID
	Account     uuid.UUID
	AccountName string
	Username    string
	Role        signin.Role
	Operator    bool
	Language    string // empty: none was chosen
	Stage       Stage
	Method      string // how this person came in: password+code
	Source      string
	Agent       string
	CreatedAt   time.Time
	SeenAt      time.Time
	ProvedAt    time.Time // when this person last proved who he is
	Until       time.Time
}

// Entry is a session with the new secret for the browser's cookie.
type Entry struct {
	*Session
	Secret string
	Device string // makes the source a known one from now on; empty: the browser keeps what it has
}

// about is what is kept of a session's place, sealed.
type about struct {
	Source string `json:"source"`
	Agent  string `json:"agent"`
}

// house is a login with its account, as they are now.
type house struct {
	login   *logins.Login
	account *catalog.Account
	factors factors
}

func (h *house) operator() bool { return h.account.Name == catalog.SystemAccount }

// demands tells whether the login has to have a second factor. Operators do.
func (h *house) demands() bool {
	return h.operator() || h.account.RequireFactor || h.account.RequireBoth
}

// standing is the MAC of what let somebody in.
func (s *Service) standing(l *logins.Login) []byte {
	return s.mac("standing", l.ID[:], []byte(l.Hash), []byte(l.Role))
}

// visit looks at a login as a sign-in would.
func (s *Service) visit(ctx context.Context, login uuid.UUID, source netip.Addr) (*house, error) {
	l, acc, err := s.signin.Admitted(ctx, login, signin.Portal, source)
	if err != nil {
		return nil, err
	}
	h := &house{login: l, account: acc}
	h.factors, err = s.factorsOf(ctx, login)
	return h, err
}

// next is the stage that follows: what is still to be shown or set up.
func (h *house) next(method string, codeShown bool) Stage {
	switch {
	case h.factors.Any() && !codeShown:
		return Code
	case isLink(method):
		return Password
	case !h.factors.Any() && h.demands() && !codeShown:
		return Factor
	}
	return Full
}

// begin makes a session of somebody who has shown something, at the time of proved.
func (s *Service) begin(ctx context.Context, from From, login uuid.UUID, method string, codeShown bool, proved time.Time, also func(*catalog.Tx) error) (*Entry, error) {
	const op = "person: sign in"
	h, err := s.visit(ctx, login, from.Source)
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
	place, err := json.Marshal(about{from.Source.String(), from.Agent[:min(len(from.Agent), maxAgent)]})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	row := &logins.Session{
		ID: id, Login: login, Stands: s.standing(h.login), About: rec.Seal("session", "about", id, place), CreatedAt: s.now(), ProvedAt: proved,
	}
	to := h.next(method, codeShown)
	e, err := s.advance(ctx, from, h, row, to, method, also)
	if err == nil && to == Code && !isLink(method) { // following a link is on record as such
		s.signin.HalfWay(ctx, from.attempt(""), h.login, method)
	}
	return e, err
}

// advance brings a session to a stage, under a new secret, in one transaction with
// what else there is to save (which may be nil). One secret is good for one step: of
// two at once the second is nobody's.
func (s *Service) advance(ctx context.Context, from From, h *house, row *logins.Session, to Stage, method string, also func(*catalog.Tx) error) (*Entry, error) {
	secret, now, was := newSecret(), s.now(), row.Hash
	arrives := to == Full && row.Stage != string(Full)
	factor := h.factors.Any() || row.Stage == string(Factor) // shown, or set up just now
	device := ""
	if arrives && from.Device == "" {
		device = newSecret()
		from.Device = device
	}
	row.Hash, row.Stage, row.Method, row.SeenAt = hash("session", secret), string(to), method, now
	if to != Full || arrives {
		row.Until = now.Add(to.lasts())
	}
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if also != nil {
			if err := also(tx); err != nil {
				return err
			}
		}
		if arrives {
			if err := s.signin.SignedIn(tx, from.attempt(""), h.login, method, factor); err != nil {
				return err
			}
		}
		if was == nil || arrives {
			if err := makeRoom(tx, row, now); err != nil {
				return err
			}
		}
		if was == nil {
			return tx.InsertSession(row)
		}
		return tx.SaveSession(row, was)
	})
	if err != nil {
		return nil, refused(err)
	}
	v, err := s.open(ctx, h, row)
	if err != nil {
		return nil, err
	}
	if arrives {
		s.signin.Count(signin.Portal, method, "ok")
	}
	return &Entry{Session: v, Secret: secret, Device: device}, nil
}

// makeRoom sees to it that a login's sessions do not grow without end: those that are
// over go, then the oldest. Those that are on the way and those that are signed in are
// counted apart: who has only the password signs nobody out with it.
func makeRoom(tx *catalog.Tx, row *logins.Session, now time.Time) error {
	all, err := tx.Sessions(row.Login)
	if err != nil {
		return err
	}
	full, most := row.Stage == string(Full), maxHalves
	if full {
		most = maxSessions
	}
	left := 0
	for i := len(all) - 1; i >= 0; i-- { // newest first
		v := all[i]
		if v.ID == row.ID || (v.Stage == string(Full)) != full {
			continue
		}
		if left++; !over(v, now) && left < most {
			continue
		}
		if err := tx.DeleteSession(v.Login, v.ID); err != nil {
			return err
		}
		left--
	}
	return nil
}

// over tells whether a session has come to its end.
func over(row *logins.Session, now time.Time) bool {
	return !now.Before(row.Until) || now.Sub(row.SeenAt) >= idleFor
}

// refused makes of a session that has gone meanwhile one that was never there.
func refused(err error) error {
	if fault.Is(err, fault.NotFound) {
		return errNobody
	}
	return fault.Wrap(fault.Internal, "person: session", err)
}

// open shows a row.
func (s *Service) open(ctx context.Context, h *house, row *logins.Session) (*Session, error) {
	const op = "person: session"
	rec, err := s.records.Records(ctx, h.account.ID)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	name, err := rec.Open("login", "name", h.login.ID, h.login.Name)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	v := &Session{
		ID: row.ID, Login: h.login.ID, Account: h.account.ID, AccountName: h.account.Name, Username: string(name),
		Role: signin.Role(h.login.Role), Operator: h.operator(), Language: h.login.Language, Stage: Stage(row.Stage), Method: row.Method,
		CreatedAt: row.CreatedAt, SeenAt: row.SeenAt, ProvedAt: row.ProvedAt, Until: row.Until,
	}
	place, err := rec.Open("session", "about", row.ID, row.About)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	var a about
	if err := json.Unmarshal(place, &a); err != nil {
		return nil, fault.Wrap(fault.Damaged, op, err)
	}
	v.Source, v.Agent = a.Source, a.Agent
	return v, nil
}

// find returns the session of a secret when it still stands.
func (s *Service) find(ctx context.Context, secret string, from From) (*house, *logins.Session, error) {
	if secret == "" {
		return nil, nil, errNobody
	}
	var row *logins.Session
	err := s.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		row, err = tx.SessionByHash(hash("session", secret))
		return err
	})
	if err != nil {
		return nil, nil, refused(err)
	}
	if over(row, s.now()) {
		return nil, nil, errNobody
	}
	h, err := s.visit(ctx, row.Login, from.Source)
	if fault.Is(err, fault.Denied) {
		return nil, nil, errNobody
	}
	if err != nil {
		return nil, nil, err
	}
	if !hmac.Equal(row.Stands, s.standing(h.login)) {
		return nil, nil, errNobody
	}
	return h, row, nil
}

// Resume returns whose session a secret is, whatever its stage; Denied when it is
// over, or would not be let in any more.
func (s *Service) Resume(ctx context.Context, secret string, from From) (*Session, error) {
	h, row, err := s.find(ctx, secret, from)
	if err != nil {
		return nil, err
	}
	if now := s.now(); !from.Background && now.Sub(row.SeenAt) >= touchEvery {
		row.SeenAt = now
		err := s.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.TouchSession(row.ID, now) })
		if fault.Is(err, fault.NotFound) { // ended this moment
			return nil, errNobody
		}
		if err != nil { // that the disk is full keeps nobody out
			s.log.Error("the use of a session could not be put on record", "session", row.ID, "error", err)
		}
	}
	return s.open(ctx, h, row)
}

// at is find for a session that has to be at a stage.
func (s *Service) at(ctx context.Context, secret string, from From, stages ...Stage) (*house, *logins.Session, error) {
	h, row, err := s.find(ctx, secret, from)
	if err != nil {
		return nil, nil, err
	}
	for _, g := range stages {
		if row.Stage == string(g) {
			return h, row, nil
		}
	}
	return nil, nil, fault.New(fault.Denied, "person: session", "the sign-in has not come this far, or further")
}

// Sessions returns the sessions of a login that are signed in, newest first.
func (s *Service) Sessions(ctx context.Context, login uuid.UUID) ([]*Session, error) {
	h := new(house)
	var rows []*logins.Session
	err := s.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if h.login, err = tx.Login(login); err != nil {
			return err
		}
		if h.account, err = tx.Account(h.login.Account); err != nil {
			return err
		}
		rows, err = tx.Sessions(login)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "person: sessions", err)
	}
	var all []*Session
	now := s.now()
	for i := len(rows) - 1; i >= 0; i-- {
		row := rows[i]
		if row.Stage != string(Full) || over(row, now) || !hmac.Equal(row.Stands, s.standing(h.login)) {
			continue
		}
		v, err := s.open(ctx, h, row)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// End ends a session of a login.
func (s *Service) End(ctx context.Context, actor string, login, session uuid.UUID) error {
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		l, err := tx.Login(login)
		if err != nil {
			return err
		}
		if err := tx.DeleteSession(login, session); err != nil {
			return err
		}
		return tx.Audit(note(l, actor, "session.ended", map[string]string{"session": session.String()}))
	})
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "person: end session", "there is no such session")
	}
	return fault.Wrap(fault.Internal, "person: end session", err)
}

// EndOthers ends all sessions of a login but one, which may be Nil.
func (s *Service) EndOthers(ctx context.Context, actor string, login, but uuid.UUID) error {
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		l, err := tx.Login(login)
		if err != nil {
			return err
		}
		n, err := tx.DeleteSessions(login, but)
		if err != nil || n == 0 {
			return err
		}
		return tx.Audit(note(l, actor, "session.others-ended", nil))
	})
	return fault.Wrap(fault.Internal, "person: end sessions", err)
}
