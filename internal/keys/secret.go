package keys

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys/wrapped"
)

// Beside its keys an account has secrets: what proves who somebody is, or what
// opens or signs for somebody else (one-time codes, webhooks, far servers). One
// is named by what it is for and by an id; it is changed and removed at will and
// leaves no tombstone, for no file depends on it.
const (
	kindAccountSecret = "secret:" // and what it is for; id: uuid; secret: any bytes

	maxSecret = 64 << 10 // bytes of one

	// What secrets leave free of an account's file, for keys.
	placesOfKeys = 200
	bytesOfKeys  = 1 << 20
)

var secretKind = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// A SecretName is how a secret is found in its account.
type SecretName struct {
	Kind string // what it is for
	ID   uuid.UUID
}

// Secrets names the account's secrets, in no order.
func (a *Account) Secrets() []SecretName { return slices.Collect(maps.Keys(a.secrets)) }

func isAccountSecret(e wrapped.Entry) bool { return strings.HasPrefix(e.Kind, kindAccountSecret) }

// SetSecret keeps a secret of an account, in the place of an earlier one of the
// same kind and id.
func (s *Store) SetSecret(account uuid.UUID, kind string, id uuid.UUID, value []byte) error {
	const op = "keys: set secret"
	switch {
	case !secretKind.MatchString(kind):
		return fault.New(fault.Invalid, op, "%q is no kind of secret", kind)
	case len(value) == 0 || len(value) > maxSecret:
		return fault.New(fault.Invalid, op, "a secret has 1 to %d bytes", maxSecret)
	}
	return s.editSecrets(op, account, func(doc *wrapped.Document) error {
		e := wrapped.Entry{Kind: kindAccountSecret + kind, ID: id.String()}
		if i := find(doc, e.Kind, e.ID); i >= 0 {
			doc.Entries = slices.Delete(doc.Entries, i, i+1)
		}
		if err := s.add(doc, e, slices.Clone(value)); err != nil {
			return err
		}
		if len(doc.Entries) > wrapped.MaxEntries-placesOfKeys || len(doc.Marshal()) > maxFile-bytesOfKeys {
			return errTooMany
		}
		return nil
	})
}

// AccountSecret returns a secret of an account; NotFound when there is none.
func (s *Store) AccountSecret(account uuid.UUID, kind string, id uuid.UUID) ([]byte, error) {
	const op = "keys: secret"
	a, err := s.Account(account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	value, ok := a.secrets[SecretName{kind, id}]
	if !ok {
		return nil, fault.New(fault.NotFound, op, "the key store has no such secret (%s %s)", kind, id)
	}
	return slices.Clone(value), nil
}

// RemoveSecret destroys a secret of an account; none there is fine.
func (s *Store) RemoveSecret(account uuid.UUID, kind string, id uuid.UUID) error {
	if _, err := s.AccountSecret(account, kind, id); err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	return s.editSecrets("keys: remove secret", account, func(doc *wrapped.Document) error {
		doc.Entries = slices.DeleteFunc(doc.Entries, func(e wrapped.Entry) bool {
			return e.Kind == kindAccountSecret+kind && e.ID == id.String()
		})
		return nil
	})
}

// editSecrets changes an account's file, and puts off what that means for the copy:
// secrets change often, and everybody who asks for a key waits meanwhile.
func (s *Store) editSecrets(op string, account uuid.UUID, edit func(*wrapped.Document) error) error {
	err := s.changeHere(func() error { return s.editAccount(op, account, edit) })
	if err == nil {
		s.putOff()
	}
	return err
}

// takeSecret puts an opened secret in its place.
func (a *Account) takeSecret(e wrapped.Entry, value []byte) error {
	id, err := uuid.Parse(e.ID)
	if err != nil {
		return err
	}
	if a.secrets == nil {
		a.secrets = make(map[SecretName][]byte)
	}
	a.secrets[SecretName{strings.TrimPrefix(e.Kind, kindAccountSecret), id}] = slices.Clone(value)
	return nil
}
