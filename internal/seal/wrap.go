package seal

import (
	"crypto/hpke"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"sealgate/internal/fault"
)

// Fingerprint names a key: SHA-256 over the DER of its SubjectPublicKeyInfo for
// a certificate's key, over the marshalled public key for an access or ingest
// key. A private key alone gives its own fingerprint, so whoever holds one can
// tell whether a file is sealed for it.
type Fingerprint [32]byte

// String returns the fingerprint in hex.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// ParseFingerprint reads what String has written; anything else is Invalid.
func ParseFingerprint(text string) (Fingerprint, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(Fingerprint{}) {
		return Fingerprint{}, fault.New(fault.Invalid, "seal: fingerprint", "%q is no fingerprint: 64 hexadecimal digits are expected", text)
	}
	return Fingerprint(b), nil
}

// WrapKind says which share a wrap holds, and so which lock it belongs to.
type WrapKind byte

// The kinds of wrap.
const (
	KindCertificate WrapKind = 'A' // share A, for a certificate
	KindAccessKey   WrapKind = 'B' // share B, for an access key
)

// String names the kind of key, for messages.
func (k WrapKind) String() string {
	switch k {
	case KindCertificate:
		return "certificate"
	case KindAccessKey:
		return "access key"
	}
	return "unknown kind of key"
}

// WrapAlg is how a share is wrapped.
type WrapAlg byte

// The algorithms. All HPKE (RFC 9180) is base mode with HKDF-SHA256 and
// AES-256-GCM; the number names the KEM.
const (
	AlgRSAOAEP WrapAlg = 1 // RSA-OAEP-SHA256, empty label
	AlgP256    WrapAlg = 2 // DHKEM(P-256, HKDF-SHA256)
	AlgP384    WrapAlg = 3 // DHKEM(P-384, HKDF-SHA384)
	AlgHybrid  WrapAlg = 4 // MLKEM768-X25519
)

// Lengths of a wrapped 32-byte secret: the KEM's encapsulation, the secret, a tag.
const (
	wrappedP256   = 65 + 32 + 16
	wrappedP384   = 97 + 32 + 16
	wrappedHybrid = 1120 + 32 + 16
)

// RSA keys from 3072 bits; beyond 8192 a single open takes longer than a
// stranger's key may cost us.
const (
	minRSA = 3072
	maxRSA = 8192
)

// Wrap is one share, wrapped for one key.
type Wrap struct {
	Kind WrapKind
	Alg  WrapAlg
	Key  Fingerprint
	Data []byte
}

// wellFormed reports whether kind, algorithm and length go together.
func (w Wrap) wellFormed() bool {
	switch {
	case w.Kind == KindCertificate && w.Alg == AlgRSAOAEP:
		return len(w.Data) >= minRSA/8 && len(w.Data) <= maxRSA/8
	case w.Kind == KindCertificate && w.Alg == AlgP256:
		return len(w.Data) == wrappedP256
	case w.Kind == KindCertificate && w.Alg == AlgP384:
		return len(w.Data) == wrappedP384
	case w.Kind == KindAccessKey && w.Alg == AlgHybrid:
		return len(w.Data) == wrappedHybrid
	}
	return false
}

// HPKE info strings and the RSA context begin with these.
const (
	labelA = "sealgate/v1 share A"
	labelB = "sealgate/v1 share B"
)

func (b Binding) info(label string) []byte {
	return append(append([]byte(label), b.File[:]...), b.Account[:]...)
}

// AccessKeyFingerprint names an access key or ingest key.
func AccessKeyFingerprint(pub hpke.PublicKey) Fingerprint { return sha256.Sum256(pub.Bytes()) }

// WrapForAccessKey wraps share B for an access key.
func WrapForAccessKey(s Share, pub hpke.PublicKey, b Binding) (Wrap, error) {
	if err := checkHybrid(pub.KEM()); err != nil {
		return Wrap{}, err
	}
	data, err := hpkeSeal(pub, b.info(labelB), s[:])
	if err != nil {
		return Wrap{}, err
	}
	return Wrap{Kind: KindAccessKey, Alg: AlgHybrid, Key: AccessKeyFingerprint(pub), Data: data}, nil
}

// UnwrapByAccessKey opens share B.
func UnwrapByAccessKey(w Wrap, key hpke.PrivateKey, b Binding) (Share, error) {
	if err := checkHybrid(key.KEM()); err != nil {
		return Share{}, err
	}
	if w.Kind != KindAccessKey || !w.wellFormed() {
		return Share{}, damaged("this is no wrap for an access key")
	}
	if w.Key != AccessKeyFingerprint(key.PublicKey()) {
		return Share{}, fault.New(fault.Locked, "seal: unwrap", "the wrap is for another access key")
	}
	return hpkeOpen(key, b.info(labelB), w.Data, "the wrap for the access key is damaged")
}

func checkHybrid(kem hpke.KEM) error {
	if kem.ID() != hpke.MLKEM768X25519().ID() {
		return fault.New(fault.Invalid, "seal: wrap", "an access key is an MLKEM768-X25519 key")
	}
	return nil
}

func hpkeSeal(pub hpke.PublicKey, info, secret []byte) ([]byte, error) {
	data, err := hpke.Seal(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), info, secret)
	return data, fault.Wrap(fault.Internal, "seal: wrap", err)
}

// hpkeOpen opens a 32-byte secret. Why it does not open, nobody can tell; only
// that the key itself could not be used (its token is away) is another thing.
func hpkeOpen(key hpke.PrivateKey, info, data []byte, sentence string) (Share, error) {
	secret, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), info, data)
	if unusable(err) {
		return Share{}, err
	}
	if err != nil || len(secret) != 32 {
		return Share{}, damaged("%s", sentence)
	}
	defer clear(secret)
	return Share(secret), nil
}

// unusable reports whether an opaque key has answered with a fault of its own
// instead of trying: the standard library knows none.
func unusable(err error) bool {
	var own *fault.Error
	return errors.As(err, &own)
}
