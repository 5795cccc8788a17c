package keyring

import (
	"fmt"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Missing are the keys, by fingerprint, that the gateway holds by the record, and
// that its key store does not have: it was restored from a copy that is older than
// they are. Nothing is sealed for them, since nobody may ever open it. They do not
// count as destroyed: a newer copy of the key store may bring them back.
type Missing map[string]bool

// Missing returns the keys of the ring that are not in the key store and should be.
// A certificate is there when its key lies in a token, too; an access key that the
// customer holds never is.
func (r Ring) Missing(have *keys.Account) (Missing, error) {
	m := Missing{}
	for _, row := range r.Certificates {
		fp, err := seal.ParseFingerprint(row.Fingerprint)
		if err != nil {
			return nil, err
		}
		if row.RemovedAt.IsZero() && have.Certificate(fp) == nil {
			m[row.Fingerprint] = true
		}
	}
	for _, row := range r.AccessKeys {
		fp, err := seal.ParseFingerprint(row.Fingerprint)
		if err != nil {
			return nil, err
		}
		if row.RemovedAt.IsZero() && !holds(have.AccessKey(fp), row.Held) {
			m[row.Fingerprint] = true
		}
	}
	return m, nil
}

// holds reports whether the key store has what it should have of an access key.
func holds(k *keys.AccessKey, held string) bool {
	switch held {
	case catalog.KeysGateway:
		return k != nil && k.Private != nil
	case catalog.HeldPassphrase:
		return k != nil && k.Encrypted != nil
	}
	return true
}

// Without returns the ring without the missing keys: what is left of it opens files,
// here or at the customer's.
func (r Ring) Without(m Missing) Ring {
	left := Ring{Account: r.Account}
	left.Certificates, left.AccessKeys = m.leave(r.Certificates, r.AccessKeys)
	return left
}

func (m Missing) leave(certs []*catalog.Certificate, access []*catalog.AccessKey) (c []*catalog.Certificate, a []*catalog.AccessKey) {
	for _, row := range certs {
		if !m[row.Fingerprint] {
			c = append(c, row)
		}
	}
	for _, row := range access {
		if !m[row.Fingerprint] {
			a = append(a, row)
		}
	}
	return c, a
}

// Leave returns which of the keys of Sealing can be sealed for. missing says, as a
// Locked fault for people, which of them cannot, if any; when no certificate or no
// access key is left, nothing can be sealed.
func (m Missing) Leave(certs []*catalog.Certificate, access []*catalog.AccessKey) (c []*catalog.Certificate, a []*catalog.AccessKey, missing error) {
	c, a = m.leave(certs, access)
	const op = "keyring: missing"
	for _, row := range certs {
		if m[row.Fingerprint] {
			return c, a, fault.New(fault.Locked, op, "%s: nothing is sealed for it. Restore a newer copy of the keys (gateway keys restore), or renew the certificate (gateway certificate renew)",
				notHere("the private key of certificate "+row.Fingerprint[:16]))
		}
	}
	for _, row := range access {
		if m[row.Fingerprint] {
			return c, a, fault.New(fault.Locked, op, "%s: nothing is sealed for it. Restore a newer copy of the keys (gateway keys restore), or add another access key (gateway access-key add) and remove this one",
				notHere("the private half of access key "+row.ID.String()))
		}
	}
	return c, a, nil
}

func notHere(what string) string {
	return what + " is not in the key store, as if that had been restored from an older copy"
}

// Warnings lists the missing keys of a ring.
func (m Missing) Warnings(r Ring) (all []Warning) {
	add := func(object, what, instead string) {
		all = append(all, Warning{
			Account: r.Account.ID, Name: r.Account.Name, Code: WarnMissing, Object: object,
			Message: fmt.Sprintf("%s: what is sealed for it alone does not open, and nothing new is sealed for it. Restore a newer copy of the keys (gateway keys restore); if there is none, %s", notHere(what), instead),
		})
	}
	certificates := false
	for _, row := range r.Certificates {
		certificates = certificates || row.RemovedAt.IsZero()
		if m[row.Fingerprint] {
			add(row.Fingerprint, "the private key of certificate "+row.Fingerprint[:16], "renew the certificate (gateway certificate renew)")
		}
	}
	if !certificates {
		return nil // closed: nothing of it opens, whatever comes back
	}
	for _, row := range r.AccessKeys {
		if m[row.Fingerprint] {
			add(row.ID.String(), "the private half of access key "+row.ID.String(), "add another one (gateway access-key add) and remove this one")
		}
	}
	return all
}
