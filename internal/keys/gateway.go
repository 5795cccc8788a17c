package keys

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"

	"sealgate/internal/fault"
	"sealgate/internal/keys/wrapped"
)

const hostKeyBits = 4096

// The entries of gateway.key.
const (
	kindIdentity      = "identity"       // Ed25519 seed; public: the public key
	kindHostKey       = "ssh-host-key"   // PKCS#8; public: PKIX; the first is preferred
	kindUsernameIndex = "username-index" // 32 bytes
	kindPepper        = "pepper"         // 32 bytes
	kindSecret        = "secret"         // 32 bytes, from which Secret derives
)

// gatewaySecrets are the gateway's own.
type gatewaySecrets struct {
	identity      []byte
	hostKeys      []crypto.Signer
	usernameIndex []byte
	pepper        []byte
	secret        []byte
}

func (g *gatewaySecrets) wipe() {
	clear(g.identity)
	clear(g.usernameIndex)
	clear(g.pepper)
	clear(g.secret)
	g.hostKeys = nil
}

// createGateway makes gateway.key.
func (s *Store) createGateway(hostKeys []crypto.Signer) error {
	if len(hostKeys) == 0 {
		var err error
		if hostKeys, err = newHostKeys(); err != nil {
			return err
		}
	}
	doc := wrapped.New(gatewayFile)
	add := func(kind, id string, public, secret []byte) {
		e := wrapped.Entry{Kind: kind, ID: id, Public: public}
		s.ring.Seal(gatewayFile, &e, secret)
		clear(secret)
		doc.Entries = append(doc.Entries, e)
	}
	seed := randomSecret()
	add(kindIdentity, "", ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey), seed)
	for i, k := range hostKeys {
		public, err := x509.MarshalPKIXPublicKey(k.Public())
		if err != nil {
			return fault.Wrap(fault.Invalid, "keys: host key", err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			return fault.Wrap(fault.Invalid, "keys: host key", err)
		}
		add(kindHostKey, fmt.Sprint(i+1), public, private)
	}
	for _, kind := range []string{kindUsernameIndex, kindPepper, kindSecret} {
		add(kind, "", nil, randomSecret())
	}
	if err := s.write(gatewayFile, doc.Marshal()); err != nil {
		return err
	}
	return s.loadGateway()
}

func newHostKeys() ([]crypto.Signer, error) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	r, err := rsa.GenerateKey(rand.Reader, hostKeyBits)
	if err != nil {
		return nil, err
	}
	return []crypto.Signer{ed, r}, nil
}

func randomSecret() []byte {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return b
}

// loadGateway reads and opens gateway.key.
func (s *Store) loadGateway() error {
	doc, err := s.read(gatewayFile)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Locked, "keys: read "+gatewayFile, "the key store %s has lost its file %s", s.dir, gatewayFile)
	}
	if err != nil {
		return err
	}
	var g gatewaySecrets
	for _, e := range doc.Entries {
		secret, err := s.ring.Open(gatewayFile, e)
		if err != nil {
			return err
		}
		if err := g.take(e.Kind, secret); err != nil {
			return wrapped.Damaged(gatewayFile, err)
		}
	}
	if g.identity == nil || g.usernameIndex == nil || g.pepper == nil || g.secret == nil || len(g.hostKeys) == 0 {
		return wrapped.Damaged(gatewayFile, errors.New("an entry is missing"))
	}
	s.gateway = g
	return nil
}

// take puts one opened secret in its place. Entries of a kind that this
// program does not know are kept for the one that made them.
func (g *gatewaySecrets) take(kind string, secret []byte) error {
	place, ok := map[string]*[]byte{
		kindIdentity: &g.identity, kindUsernameIndex: &g.usernameIndex, kindPepper: &g.pepper, kindSecret: &g.secret,
	}[kind]
	if ok {
		if len(secret) != 32 {
			return fmt.Errorf("entry %s has %d bytes", kind, len(secret))
		}
		*place = secret
		return nil
	}
	defer clear(secret)
	if kind != kindHostKey {
		return nil
	}
	key, err := x509.ParsePKCS8PrivateKey(secret)
	if err != nil {
		return err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return fmt.Errorf("a host key of type %T cannot sign", key)
	}
	g.hostKeys = append(g.hostKeys, signer)
	return nil
}
