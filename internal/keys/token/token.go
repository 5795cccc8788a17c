// Package token uses private keys that lie in a PKCS#11 token: a smart card, an
// HSM, or SoftHSM. A key is named by a pkcs11: URI (RFC 7512):
//
//	pkcs11:token=vault;object=acme?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/sealgate/pin
//
// token or serial says which token, object or id (or both) which key;
// module-path is the library of the token's maker, pin-source a file that holds
// its PIN and that nobody else can read. A PIN in the URI itself is refused.
//
// The library is C: the build tag pkcs11 makes the one build with cgo. Without
// it, URIs are read and kept, and a use of the key answers Invalid.
//
// A key is opened when it is used for the first time, and again when the token
// was away in between. A token that cannot be reached, or does not take the
// PIN, is Locked. A PIN that was refused is not tried a second time until its
// file has changed: tokens lock themselves after a few.
//
// Keys are safe for concurrent use; one token does one thing at a time.
package token

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"

	"sealgate/internal/fault"
)

// Key returns the private key that a URI names, as an ecdh.KeyExchanger or a
// crypto.Decrypter. public is its public half, from the certificate: it is not
// asked for from the token, and whether the two belong together shows when
// something sealed for the one opens with the other.
func Key(uri string, public crypto.PublicKey) (crypto.PrivateKey, error) {
	const op = "token: key"
	u, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	switch public := public.(type) {
	case *rsa.PublicKey:
		return decrypter{u, public}, nil
	case *ecdsa.PublicKey:
		point, err := public.ECDH()
		if err != nil || (point.Curve() != ecdh.P256() && point.Curve() != ecdh.P384()) {
			return nil, fault.New(fault.Invalid, op, "an EC key in a token has to be on P-256 or P-384")
		}
		return exchanger{u, point}, nil
	}
	return nil, fault.New(fault.Invalid, op, "the key in a token has to be RSA or EC")
}

// exchanger is an EC key in a token.
type exchanger struct {
	uri    uri
	public *ecdh.PublicKey
}

func (k exchanger) PublicKey() *ecdh.PublicKey { return k.public }
func (k exchanger) Curve() ecdh.Curve          { return k.public.Curve() }

func (k exchanger) ECDH(remote *ecdh.PublicKey) ([]byte, error) {
	if remote.Curve() != k.Curve() {
		return nil, errors.New("token: the public key is on another curve")
	}
	size := 32
	if k.Curve() == ecdh.P384() {
		size = 48
	}
	secret, err := derive(k.uri, remote.Bytes(), size)
	if err != nil {
		return nil, err
	}
	if len(secret) != size {
		return nil, fault.New(fault.Internal, "token: derive", "%s answered with %d bytes instead of %d", k.uri, len(secret), size)
	}
	return secret, nil
}

func (k exchanger) String() string             { return "key in " + k.uri.String() }
func (k exchanger) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// decrypter is an RSA key in a token.
type decrypter struct {
	uri    uri
	public *rsa.PublicKey
}

func (k decrypter) Public() crypto.PublicKey { return k.public }

// Decrypt does RSAES-OAEP with SHA-256 and an empty label, which is all that
// sealed files need.
func (k decrypter) Decrypt(_ io.Reader, msg []byte, opts crypto.DecrypterOpts) ([]byte, error) {
	oaep, ok := opts.(*rsa.OAEPOptions)
	if !ok || oaep.Hash != crypto.SHA256 || (oaep.MGFHash != 0 && oaep.MGFHash != crypto.SHA256) || len(oaep.Label) > 0 {
		return nil, errors.New("token: only RSA-OAEP with SHA-256 and no label")
	}
	return decrypt(k.uri, msg)
}

func (k decrypter) String() string             { return "key in " + k.uri.String() }
func (k decrypter) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }
