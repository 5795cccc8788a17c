// Package own has the gateway's own secrets: the key store's files gateway.key and tls.key.
//
// Those of gateway.key are made once, with the store, and outlive every change of the master key:
// the identity that signs, the SSH host keys, and the secrets behind usernames and
// passwords. They are wrapped and opened here, by a ring; nothing here touches a
// disk.
package own

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"sealgate/internal/fault"
	"sealgate/internal/keys/wrapped"
)

// File is the name of their file.
const File = "gateway.key"

const hostKeyBits = 4096

// The entries of gateway.key.
const (
	kindIdentity      = "identity"       // Ed25519 seed; public: the public key
	kindHostKey       = "ssh-host-key"   // PKCS#8; public: PKIX; the first is preferred
	kindUsernameIndex = "username-index" // 32 bytes
	kindPepper        = "pepper"         // 32 bytes
	kindSecret        = "secret"         // 32 bytes, from which Derive derives
)

// Secrets are the gateway's own, opened.
type Secrets struct {
	identity      []byte
	hostKeys      []crypto.Signer
	usernameIndex []byte
	pepper        []byte
	secret        []byte
}

// Wipe overwrites them; host keys handed out stay usable.
func (g *Secrets) Wipe() {
	clear(g.identity)
	clear(g.usernameIndex)
	clear(g.pepper)
	clear(g.secret)
	g.hostKeys = nil
}

// New makes the secrets of a new gateway, with these SSH host keys; none makes an
// Ed25519 and an RSA-4096 key.
func New(r *wrapped.Ring, hostKeys []crypto.Signer) (*wrapped.Document, error) {
	if len(hostKeys) == 0 {
		var err error
		if hostKeys, err = newHostKeys(); err != nil {
			return nil, err
		}
	}
	doc := wrapped.New(File)
	add := func(kind, id string, public, secret []byte) {
		e := wrapped.Entry{Kind: kind, ID: id, Public: public}
		r.Seal(File, &e, secret)
		clear(secret)
		doc.Entries = append(doc.Entries, e)
	}
	seed := randomSecret()
	add(kindIdentity, "", ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey), seed)
	for i, k := range hostKeys {
		public, err := x509.MarshalPKIXPublicKey(k.Public())
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "keys: host key", err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, "keys: host key", err)
		}
		add(kindHostKey, fmt.Sprint(i+1), public, private)
	}
	for _, kind := range []string{kindUsernameIndex, kindPepper, kindSecret} {
		add(kind, "", nil, randomSecret())
	}
	return doc, nil
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

// Open opens the secrets in a document.
func Open(r *wrapped.Ring, doc *wrapped.Document) (*Secrets, error) {
	g := new(Secrets)
	for _, e := range doc.Entries {
		secret, err := r.Open(File, e)
		if err != nil {
			return nil, err
		}
		if err := g.take(e.Kind, secret); err != nil {
			return nil, wrapped.Damaged(File, err)
		}
	}
	if g.identity == nil || g.usernameIndex == nil || g.pepper == nil || g.secret == nil || len(g.hostKeys) == 0 {
		return nil, wrapped.Damaged(File, errors.New("an entry is missing"))
	}
	return g, nil
}

// IdentityIn returns the gateway's public identity key in a document, which need
// not be opened for it; nil when there is none.
func IdentityIn(doc *wrapped.Document) ed25519.PublicKey {
	i := slices.IndexFunc(doc.Entries, func(e wrapped.Entry) bool { return e.Kind == kindIdentity })
	if i < 0 {
		return nil
	}
	return doc.Entries[i].Public
}

// take puts one opened secret in its place. Entries of a kind that this
// program does not know are kept for the one that made them.
func (g *Secrets) take(kind string, secret []byte) error {
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

// Identity returns the key that signs receipts, statements and tree heads.
func (g *Secrets) Identity() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(g.identity) }

// HostKeys returns the SSH host keys, the preferred one first.
func (g *Secrets) HostKeys() []crypto.Signer { return slices.Clone(g.hostKeys) }

// UsernameIndexKey returns the key of the HMAC by which sign-in finds a login.
func (g *Secrets) UsernameIndexKey() []byte { return slices.Clone(g.usernameIndex) }

// Pepper returns the secret that goes into every password hash.
func (g *Secrets) Pepper() []byte { return slices.Clone(g.pepper) }

// Derive returns 32 bytes that only this gateway can make from label.
func (g *Secrets) Derive(label string) []byte {
	k, err := hkdf.Key(sha256.New, g.secret, nil, "sealgate/v1 secret "+label, 32)
	if err != nil {
		panic(err) // cannot happen: the length is right
	}
	return k
}
