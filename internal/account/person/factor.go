package person

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// One-time codes as every app makes them (RFC 6238): six digits of HMAC-SHA-1, a new
// one every 30 seconds. One step of the clock is forgiven, either way.
const (
	totpStep    = 30 * time.Second
	totpSkew    = 1
	totpSecrets = "totp" // in the key store
	totpSize    = 20

	recoveryCodes = 10
	recoverySize  = 16 // characters of 5 bits
	recoveryChars = "abcdefghijkmnpqrstuvwxyz23456789"
)

// factors are the second factors that a login has.
type factors struct {
	Codes    bool // one-time codes
	Passkeys int
	Recovery int // codes left
	Since    time.Time
}

// Any reports whether there is one. Recovery codes stand in for another.
func (f factors) Any() bool { return f.Codes || f.Passkeys > 0 }

// Factors are the second factors of a login, for pages.
type Factors = factors

func (s *Service) factorsOf(ctx context.Context, login uuid.UUID) (f factors, err error) {
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		f, err = ReadFactors(tx, login)
		return err
	})
	return f, fault.Wrap(fault.Internal, "person: factors", err)
}

// ReadFactors reads the second factors of a login.
func ReadFactors(tx *catalog.Tx, login uuid.UUID) (f factors, err error) {
	totp, err := tx.TOTP(login)
	switch {
	case err == nil:
		f.Codes, f.Since = true, totp.CreatedAt
	case !fault.Is(err, fault.NotFound):
		return f, err
	}
	keys, err := tx.Passkeys(login)
	if err != nil {
		return f, err
	}
	f.Passkeys = len(keys)
	left, err := tx.RecoveryCodes(login)
	f.Recovery = int(left)
	return f, err
}

// Factors returns the second factors of a login.
func (s *Service) Factors(ctx context.Context, login uuid.UUID) (Factors, error) {
	return s.factorsOf(ctx, login)
}

// totpSecret returns the secret of a login's one-time codes, nil when it has none.
func (s *Service) totpSecret(h *house) ([]byte, error) {
	if !h.factors.Codes {
		return nil, nil
	}
	secret, err := s.keys.AccountSecret(h.account.ID, totpSecrets, h.login.ID)
	if fault.Is(err, fault.NotFound) {
		// A key store from before the codes were set up: recovery codes still work.
		s.log.Warn("the key store has no secret of a login's one-time codes; was it restored from an older copy?", "login", h.login.ID)
		return nil, nil
	}
	return secret, fault.Wrap(fault.Internal, "person: one-time codes", err)
}

// useCode uses a code up when it is right, and says which kind it was; "" when it is
// not, or not any more.
func (s *Service) useCode(tx *catalog.Tx, l *logins.Login, totp []byte, code string) (how string, err error) {
	code = plainCode(code)
	if step, ok := s.stepOf(totp, code); ok {
		how, err = "code", tx.UseTOTPStep(l.ID, step)
	} else if len(code) == recoverySize {
		if err = tx.TakeRecoveryCode(l.ID, s.recoveryMAC(l.ID, code)); err == nil {
			how, err = "recovery-code", tx.Audit(note(l, l.ID.String(), "recovery-code.used", nil))
		}
	}
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return how, err
}

// plainCode is a code without what people put between its parts.
func plainCode(code string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' || r == '\t' {
			return -1
		}
		return r
	}, code))
}

// stepOf returns the step of the clock that a code belongs to, of those that count now.
func (s *Service) stepOf(secret []byte, code string) (step int64, ok bool) {
	if secret == nil || len(code) != int(otp.DigitsSix) {
		return 0, false
	}
	now := s.now().Unix() / int64(totpStep/time.Second)
	for at := now - totpSkew; at <= now+totpSkew; at++ {
		want, err := hotp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(secret), uint64(at), //nolint:gosec // after 1970
			hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 {
			step, ok = at, true
		}
	}
	return step, ok
}

// NewCodes is what an app needs to make one-time codes.
type NewCodes struct {
	Secret string // for those who type it
	URI    string // for those who scan it
}

// offered is the secret of one-time codes that a session may set up. It is kept nowhere
// until they are confirmed, but derived: the same on the page, in the picture and when
// it is confirmed, another one in every other session, and another one as soon as the
// login's codes are set up or removed. So nobody sets up what somebody else has seen.
func (s *Service) offered(h *house, row *logins.Session) ([]byte, error) {
	before, err := s.keys.AccountSecret(h.account.ID, totpSecrets, h.login.ID)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, fault.Wrap(fault.Internal, "person: offer codes", err)
	}
	return s.mac("offered codes", h.login.ID[:], row.ID[:], before)[:totpSize], nil
}

// OfferCodes returns the secret of one-time codes that this session may set up.
func (s *Service) OfferCodes(ctx context.Context, from From, secret, issuer string) (*NewCodes, error) {
	const op = "person: offer codes"
	h, row, err := s.at(ctx, secret, from, Full, Factor)
	if err != nil {
		return nil, err
	}
	raw, err := s.offered(h, row)
	if err != nil {
		return nil, err
	}
	name, err := s.username(ctx, h)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw)
	label := url.PathEscape(issuer) + ":" + url.PathEscape(name)
	return &NewCodes{Secret: text, URI: "otpauth://totp/" + label + "?" + url.Values{"secret": {text}, "issuer": {issuer}}.Encode()}, nil
}

// ConfirmCodes takes the first code that the app has made. From then on the login has
// one-time codes, and the ones before are good no more. The second result are fresh
// recovery codes, when the login had none.
func (s *Service) ConfirmCodes(ctx context.Context, from From, secret, code string) (*Entry, []string, error) {
	const op = "person: confirm codes"
	h, row, err := s.at(ctx, secret, from, Full, Factor)
	if err != nil {
		return nil, nil, err
	}
	raw, err := s.offered(h, row)
	if err != nil {
		return nil, nil, err
	}
	var step int64
	err = s.signin.TryCode(ctx, from.attempt(""), h.login.ID, func(*catalog.Tx) (ok bool, err error) {
		step, ok = s.stepOf(raw, plainCode(code))
		return ok, nil
	})
	if err != nil {
		return nil, nil, err
	}
	if err := s.keys.SetSecret(h.account.ID, totpSecrets, h.login.ID, raw); err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	var fresh []string
	if h.factors.Recovery == 0 {
		fresh = newRecoveryCodes()
	}
	e, err := s.gained(ctx, from, h, row, "codes", fresh, func(tx *catalog.Tx) error {
		return tx.PutTOTP(&logins.TOTP{Login: h.login.ID, LastStep: step, CreatedAt: s.now()})
	})
	if err != nil {
		return nil, nil, err
	}
	return e, fresh, nil
}

// gained saves a new second factor and goes on: whoever has set one up has shown it.
// It is no fresh proof. With it come fresh recovery codes, or none.
func (s *Service) gained(ctx context.Context, from From, h *house, row *logins.Session, what string, fresh []string, save func(*catalog.Tx) error) (*Entry, error) {
	return s.advance(ctx, from, h, row, Full, row.Method, func(tx *catalog.Tx) error {
		if err := save(tx); err != nil {
			return err
		}
		if fresh != nil {
			if err := s.putRecovery(tx, h.login, fresh); err != nil {
				return err
			}
		}
		return tx.Audit(note(h.login, h.login.ID.String(), "factor.added", map[string]string{"factor": what}))
	})
}

// RemoveCodes takes one-time codes away from a login.
func (s *Service) RemoveCodes(ctx context.Context, from From, secret string) error {
	h, _, err := s.at(ctx, secret, from, Full)
	if err != nil {
		return err
	}
	if err := s.loses(ctx, h, "codes", func(tx *catalog.Tx) error { return tx.DeleteTOTP(h.login.ID) }); err != nil {
		return err
	}
	// Not removed but overwritten: what this session is offered from now on is another
	// secret than the one that it may have set up before.
	random := make([]byte, totpSize)
	rand.Read(random) // never fails
	if err := s.keys.SetSecret(h.account.ID, totpSecrets, h.login.ID, random); err != nil {
		s.log.Error("a secret that is used no more could not be removed", "login", h.login.ID, "error", err)
	}
	return nil
}

// loses takes a second factor away. The last one stays where one is demanded, and
// where the password is too short to stand alone.
func (s *Service) loses(ctx context.Context, h *house, what string, remove func(*catalog.Tx) error) error {
	const op = "person: remove factor"
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := remove(tx); err != nil {
			return err
		}
		left, err := ReadFactors(tx, h.login.ID)
		if err != nil {
			return err
		}
		if !left.Any() {
			switch {
			case h.demands():
				return fault.New(fault.Invalid, op, "a second factor is demanded here; add another one first")
			case h.login.Short:
				return fault.New(fault.Invalid, op, "the password is too short to be all that is asked for; choose a longer one first")
			}
			if err := tx.DeleteRecoveryCodes(h.login.ID); err != nil {
				return err
			}
		}
		return tx.Audit(note(h.login, h.login.ID.String(), "factor.removed", map[string]string{"factor": what}))
	})
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, op, "there is no such factor")
	}
	return fault.Wrap(fault.Internal, op, err)
}

// newRecoveryCodes makes codes of 80 bits, in groups that people can copy.
func newRecoveryCodes() []string {
	all := make([]string, recoveryCodes)
	for i := range all {
		random := make([]byte, recoverySize)
		rand.Read(random) // never fails
		for j, b := range random {
			random[j] = recoveryChars[b&31]
		}
		t := string(random)
		all[i] = t[:4] + "-" + t[4:8] + "-" + t[8:12] + "-" + t[12:]
	}
	return all
}

func (s *Service) recoveryMAC(login uuid.UUID, code string) []byte {
	return s.mac("recovery code", login[:], []byte(plainCode(code)))
}

func (s *Service) putRecovery(tx *catalog.Tx, l *logins.Login, codes []string) error {
	macs := make([][]byte, len(codes))
	for i, c := range codes {
		macs[i] = s.recoveryMAC(l.ID, c)
	}
	if err := tx.PutRecoveryCodes(l.ID, macs); err != nil {
		return err
	}
	return tx.Audit(note(l, l.ID.String(), "recovery-codes.made", nil))
}

// NewRecoveryCodes gives a login fresh recovery codes in the place of those before.
// They are nowhere else.
func (s *Service) NewRecoveryCodes(ctx context.Context, from From, secret string) ([]string, error) {
	const op = "person: recovery codes"
	h, _, err := s.at(ctx, secret, from, Full)
	if err != nil {
		return nil, err
	}
	if !h.factors.Any() {
		return nil, fault.New(fault.Invalid, op, "recovery codes stand in for a second factor; set one up first")
	}
	codes := newRecoveryCodes()
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error { return s.putRecovery(tx, h.login, codes) })
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return codes, nil
}
