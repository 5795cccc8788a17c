// Package passkey is the WebAuthn side of passkeys: what a browser is asked, and
// whether its answer proves what it should.
//
// A passkey here is a discoverable credential with user verification: the device
// knows whose it is and has asked for a finger, a face or a PIN, so that it is two
// factors in one and no username is typed. It is bound to the name in the address
// bar. Attestation is not asked for: which make a device is of is nobody's business.
//
// What was asked (the state) is kept by the caller, for one answer. Not here: whose
// passkeys there are (person), pages and scripts (portal/signon).
package passkey

import (
	"encoding/json"
	"net"
	"strings"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
	"github.com/google/uuid"

	"sealgate/internal/fault"
)

// Person is whose passkeys they are.
type Person struct {
	ID      uuid.UUID
	Name    string
	Records [][]byte // of the passkeys that this person has
}

// Key is a passkey as it is to be kept.
type Key struct {
	Credential []byte // the id by which the browser names it
	Record     []byte // JSON: the public key and what is known of the device
}

// Site is a name in the address bar that passkeys are bound to.
type Site struct{ w *webauthn.WebAuthn }

// Possible tells whether passkeys can be bound to a host, which a number cannot be.
func Possible(host string) bool {
	name := hostname(host)
	return name != "" && net.ParseIP(name) == nil
}

func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.Trim(host, "[]")
}

// On returns the site of a host, as a browser calls it: name or name:port.
func On(host string) (*Site, error) {
	const op = "passkey: site"
	if !Possible(host) {
		return nil, fault.New(fault.Invalid, op, "passkeys need a name in the address bar, not a number")
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: hostname(host), RPDisplayName: "Sealgate", RPOrigins: []string{"https://" + host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return &Site{w}, nil
}

// user is a person as the library wants to see one.
type user struct {
	Person
	credentials []webauthn.Credential
}

func (u *user) WebAuthnID() []byte                         { return u.ID[:] }
func (u *user) WebAuthnName() string                       { return u.Name }
func (u *user) WebAuthnDisplayName() string                { return u.Name }
func (u *user) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

func userOf(p Person) (*user, error) {
	u := &user{Person: p}
	for _, r := range p.Records {
		var c webauthn.Credential
		if err := json.Unmarshal(r, &c); err != nil {
			return nil, fault.Wrap(fault.Damaged, "passkey: record", err)
		}
		u.credentials = append(u.credentials, c)
	}
	return u, nil
}

// Offer is what the browser is asked to make a passkey by.
func (s *Site) Offer(p Person) (options, state []byte, err error) {
	const op = "passkey: offer"
	u, err := userOf(p)
	if err != nil {
		return nil, nil, err
	}
	creation, session, err := s.w.BeginRegistration(u, webauthn.WithExclusions(webauthn.Credentials(u.credentials).CredentialDescriptors()))
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	return pair(op, creation.Response, session)
}

func pair(op string, a, b any) (first, second []byte, err error) {
	if first, err = json.Marshal(a); err == nil {
		second, err = json.Marshal(b)
	}
	return first, second, fault.Wrap(fault.Internal, op, err)
}

// errAnswer is the one answer to all that proves nothing.
var errAnswer = fault.New(fault.Denied, "passkey: answer", "the passkey could not be verified")

// Made takes the browser's answer to Offer.
func (s *Site) Made(p Person, state, answer []byte) (Key, error) {
	u, err := userOf(p)
	if err != nil {
		return Key{}, err
	}
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return Key{}, fault.Wrap(fault.Damaged, "passkey: state", err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return Key{}, errAnswer
	}
	c, err := s.w.CreateCredential(u, session, parsed)
	if err != nil {
		return Key{}, errAnswer
	}
	return keyOf(c)
}

func keyOf(c *webauthn.Credential) (Key, error) {
	c.Attestation = webauthn.CredentialAttestation{} // not asked for, not kept
	record, err := json.Marshal(c)
	return Key{Credential: c.ID, Record: record}, fault.Wrap(fault.Internal, "passkey: record", err)
}

// Ask is what the browser is asked to show a passkey by, whosever it has.
func (s *Site) Ask() (options, state []byte, err error) {
	const op = "passkey: ask"
	assertion, session, err := s.w.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	return pair(op, assertion.Response, session)
}

// Shown takes the browser's answer to Ask and returns whose passkey it is, as it is to
// be kept from now on. find returns the person who has a credential. A device that
// counts backwards was copied, and proves nothing.
func (s *Site) Shown(state, answer []byte, find func(credential []byte, person uuid.UUID) (Person, error)) (uuid.UUID, Key, error) {
	var session webauthn.SessionData
	if err := json.Unmarshal(state, &session); err != nil {
		return uuid.Nil, Key{}, fault.Wrap(fault.Damaged, "passkey: state", err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return uuid.Nil, Key{}, errAnswer
	}
	var broken error // of ours
	who, c, err := s.w.ValidatePasskeyLogin(func(credential, handle []byte) (webauthn.User, error) {
		id, err := uuid.FromBytes(handle)
		if err != nil {
			return nil, err
		}
		p, err := find(credential, id)
		if err == nil {
			var u *user
			if u, err = userOf(p); err == nil {
				return u, nil
			}
		}
		if !fault.Is(err, fault.NotFound) {
			broken = err
		}
		return nil, err
	}, session, parsed)
	switch {
	case broken != nil:
		return uuid.Nil, Key{}, broken
	case err != nil || c.Authenticator.CloneWarning || !c.Flags.UserVerified:
		return uuid.Nil, Key{}, errAnswer
	}
	k, err := keyOf(c)
	return who.(*user).ID, k, err
}
