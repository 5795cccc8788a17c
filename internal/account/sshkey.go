package account

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/logins"
)

// Bounds of RSA keys of logins, in bits. Below, they are weak (NIST SP 800-57
// asks for 2048 until 2030); above, one signature costs too much to check.
const (
	minRSA = 2048
	maxRSA = 8192
)

// maxKeys bounds the keys of one login.
const maxKeys = 32

// Key is an SSH key of a login, as people tell keys apart.
type Key struct {
	Type        string
	Fingerprint string // "SHA256:..."
}

// parseKey reads one line of an authorized_keys file. Its options are refused:
// what a key may do is the login's business, and an option that is silently
// dropped is a promise broken.
func parseKey(line string) (*logins.Key, error) {
	const op = "account: ssh key"
	pub, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	switch {
	case err != nil && strings.Contains(line, "PRIVATE KEY"):
		return nil, fault.New(fault.Invalid, op, "that is a private key; give the public one (usually FILE.pub)")
	case err != nil:
		return nil, fault.New(fault.Invalid, op, "that is no SSH public key in OpenSSH format (one line: type, base64, comment)")
	case len(options) > 0:
		return nil, fault.New(fault.Invalid, op, "options in front of the key are not supported; use --allow-from for networks")
	case len(strings.TrimSpace(string(rest))) > 0:
		return nil, fault.New(fault.Invalid, op, "there is more than one key; give each by itself")
	}
	if err := checkKey(pub); err != nil {
		return nil, err
	}
	return &logins.Key{Fingerprint: ssh.FingerprintSHA256(pub), Blob: pub.Marshal()}, nil
}

// checkKey refuses kinds and sizes of keys that a sign-in would not accept.
func checkKey(pub ssh.PublicKey) error {
	const op = "account: ssh key"
	switch pub.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		return nil
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
		if c, ok := pub.(ssh.CryptoPublicKey); ok {
			if _, ok := c.CryptoPublicKey().(*ecdsa.PublicKey); ok {
				return nil
			}
		}
	case ssh.KeyAlgoRSA:
		c, ok := pub.(ssh.CryptoPublicKey)
		if !ok {
			break
		}
		k, ok := c.CryptoPublicKey().(*rsa.PublicKey)
		if !ok {
			break
		}
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return fault.New(fault.Invalid, op, "an RSA key of %d bits is not accepted: %d to %d, or better an Ed25519 key", bits, minRSA, maxRSA)
		}
		return nil
	}
	return fault.New(fault.Invalid, op, "keys of type %s are not accepted: use ed25519, ecdsa, rsa or a security key", pub.Type())
}

func parseKeys(login uuid.UUID, lines []string) ([]*logins.Key, error) {
	if len(lines) > maxKeys {
		return nil, fault.New(fault.Invalid, "account: ssh key", "a login may have at most %d keys", maxKeys)
	}
	var all []*logins.Key
	for _, line := range lines {
		k, err := parseKey(line)
		if err != nil {
			return nil, err
		}
		k.Login = login
		all = append(all, k)
	}
	return all, nil
}

// keyOf tells a stored key to people.
func keyOf(k *logins.Key) Key {
	typ := "unknown"
	if pub, err := ssh.ParsePublicKey(k.Blob); err == nil {
		typ = pub.Type()
	}
	return Key{Type: typ, Fingerprint: k.Fingerprint}
}
