package seal

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hpke"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"fmt"

	"sealgate/internal/fault"
)

// CheckCertificate reports, as an Invalid fault, why a certificate's key cannot
// seal: only RSA of 3072 to 8192 bits and EC on P-256 or P-384 can.
func CheckCertificate(cert *x509.Certificate) error {
	_, err := certificateKey(cert.PublicKey)
	return err
}

// CertificateFingerprint names a certificate's key: see Fingerprint.
func CertificateFingerprint(cert *x509.Certificate) (Fingerprint, error) {
	return publicFingerprint(cert.PublicKey)
}

// PrivateKeyFingerprint names the key of a certificate from its private half: a
// crypto.Decrypter (RSA), an ecdh.KeyExchanger or an *ecdsa.PrivateKey.
func PrivateKeyFingerprint(key crypto.PrivateKey) (Fingerprint, error) {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return publicFingerprint(&key.PublicKey)
	case ecdh.KeyExchanger:
		return publicFingerprint(key.PublicKey())
	case crypto.Decrypter:
		return publicFingerprint(key.Public())
	}
	return Fingerprint{}, badKey("a certificate key of type %T cannot open files", key)
}

func publicFingerprint(pub crypto.PublicKey) (Fingerprint, error) {
	if _, err := certificateKey(pub); err != nil {
		return Fingerprint{}, err
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return Fingerprint{}, fault.Wrap(fault.Invalid, "seal: certificate", err)
	}
	return sha256.Sum256(der), nil
}

// certificateKey checks a public key and returns it as *rsa.PublicKey or
// *ecdh.PublicKey.
func certificateKey(pub crypto.PublicKey) (crypto.PublicKey, error) {
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		if n := pub.N.BitLen(); n < minRSA || n > maxRSA {
			return nil, badKey("the certificate has an RSA key of %d bits; %s", n, needed)
		}
		return pub, nil
	case *ecdsa.PublicKey:
		key, err := pub.ECDH()
		if err != nil {
			return nil, badKey("the certificate's EC key is not on P-256 or P-384; %s", needed)
		}
		return certificateKey(key)
	case *ecdh.PublicKey:
		if pub.Curve() != ecdh.P256() && pub.Curve() != ecdh.P384() {
			return nil, badKey("the certificate's EC key is not on P-256 or P-384; %s", needed)
		}
		return pub, nil
	}
	return nil, badKey("the certificate has a key that is neither RSA nor EC; %s", needed)
}

// WrapForCertificate wraps share A for a certificate: RSA-OAEP or HPKE,
// whichever its key can.
func WrapForCertificate(s Share, cert *x509.Certificate, b Binding) (Wrap, error) {
	pub, err := certificateKey(cert.PublicKey)
	if err != nil {
		return Wrap{}, err
	}
	w := Wrap{Kind: KindCertificate}
	if w.Key, err = publicFingerprint(cert.PublicKey); err != nil {
		return Wrap{}, err
	}
	switch pub := pub.(type) {
	case *rsa.PublicKey:
		w.Alg = AlgRSAOAEP
		w.Data, err = rsaSeal(s, pub, b)
	case *ecdh.PublicKey:
		w.Alg = curveAlg(pub.Curve())
		var to hpke.PublicKey
		if to, err = hpke.NewDHKEMPublicKey(pub); err != nil {
			return Wrap{}, fault.Wrap(fault.Invalid, "seal: wrap", err)
		}
		w.Data, err = hpkeSeal(to, b.info(labelA), s[:])
	}
	if err != nil {
		return Wrap{}, err
	}
	return w, nil
}

// UnwrapByCertificate opens share A with the certificate's private key: a
// crypto.Decrypter (RSA), an ecdh.KeyExchanger or an *ecdsa.PrivateKey. The
// first two may live in a token.
func UnwrapByCertificate(w Wrap, key crypto.PrivateKey, b Binding) (Share, error) {
	fp, err := PrivateKeyFingerprint(key)
	if err != nil {
		return Share{}, err
	}
	if w.Kind != KindCertificate || !w.wellFormed() {
		return Share{}, damaged("this is no wrap for a certificate")
	}
	if w.Key != fp {
		return Share{}, fault.New(fault.Locked, "seal: unwrap", "the wrap is for another certificate")
	}
	if ec, ok := key.(*ecdsa.PrivateKey); ok {
		if key, err = ec.ECDH(); err != nil {
			return Share{}, fault.Wrap(fault.Invalid, "seal: unwrap", err)
		}
	}
	switch key := key.(type) {
	case ecdh.KeyExchanger:
		return ecOpen(w, key, b)
	case crypto.Decrypter:
		return rsaOpen(w, key, b)
	}
	return Share{}, badKey("a certificate key of type %T cannot open files", key)
}

func ecOpen(w Wrap, key ecdh.KeyExchanger, b Binding) (Share, error) {
	if w.Alg != curveAlg(key.Curve()) {
		return Share{}, damaged("the wrap for the certificate is damaged")
	}
	from, err := hpke.NewDHKEMPrivateKey(key)
	if err != nil {
		return Share{}, fault.Wrap(fault.Invalid, "seal: unwrap", err)
	}
	return hpkeOpen(from, b.info(labelA), w.Data, "the wrap for the certificate is damaged")
}

func curveAlg(c ecdh.Curve) WrapAlg {
	if c == ecdh.P384() {
		return AlgP384
	}
	return AlgP256
}

// RSA-OAEP has no associated data that tokens and KMSs would take: the context
// is part of the plaintext instead, share (32) | SHA-256 of the context (32).

func rsaSeal(s Share, pub *rsa.PublicKey, b Binding) ([]byte, error) {
	context := sha256.Sum256(b.info(labelA))
	plain := append(append(make([]byte, 0, 64), s[:]...), context[:]...)
	defer clear(plain)
	data, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, pub, plain, nil)
	return data, fault.Wrap(fault.Invalid, "seal: wrap", err)
}

func rsaOpen(w Wrap, key crypto.Decrypter, b Binding) (Share, error) {
	if w.Alg != AlgRSAOAEP {
		return Share{}, damaged("the wrap for the certificate is damaged")
	}
	plain, err := key.Decrypt(rand.Reader, w.Data, &rsa.OAEPOptions{Hash: crypto.SHA256})
	if unusable(err) {
		return Share{}, err
	}
	if err != nil {
		return Share{}, damaged("the wrap for the certificate is damaged")
	}
	defer clear(plain)
	context := sha256.Sum256(b.info(labelA))
	if len(plain) != 64 || subtle.ConstantTimeCompare(plain[32:], context[:]) != 1 {
		return Share{}, damaged("the wrap for the certificate belongs to another file or account")
	}
	return Share(plain[:32]), nil
}

// needed is what a refusal tells people to bring.
var needed = fmt.Sprintf("a certificate for RSA of %d to %d bits, or for EC on P-256 or P-384, is needed", minRSA, maxRSA)

func badKey(format string, args ...any) error {
	return fault.New(fault.Invalid, "seal: certificate", format, args...)
}
