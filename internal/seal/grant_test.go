package seal

import (
	"bytes"
	"crypto/hpke"
	"testing"

	"sealgate/internal/fault"
)

// grants are one file key wrapped in both ways.
func grants(t *testing.T, k *FileKey, ingest hpke.PrivateKey) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"for the public key": must(WrapGrant(k, ingest.PublicKey(), binding)),
		"by the secret":      must(WrapOwnGrant(k, ingest, binding)),
	}
}

func TestGrants(t *testing.T) {
	ingest := hybridKey(t)
	k := DeriveFileKey(Share{1}, Share{2}, fileID)
	for how, grant := range grants(t, k, ingest) {
		t.Run(how, func(t *testing.T) {
			got, err := OpenGrant(grant, ingest, binding)
			if err != nil || !bytes.Equal(got.Bytes(), k.Bytes()) {
				t.Errorf("another key, %v", err)
			}
			for what, other := range otherBindings() {
				if _, err := OpenGrant(grant, ingest, other); !fault.Is(err, fault.Damaged) {
					t.Errorf("opens for another %s: %v", what, err)
				}
			}
			_, err = OpenGrant(grant, hybridKey(t), binding)
			wantKind(t, err, fault.Damaged)
			for i := range grant {
				bad := bytes.Clone(grant)
				bad[i] ^= 3 // of the first byte it makes the other kind
				if len(grant) > 100 && i > 1 && i%20 != 0 {
					continue
				}
				if _, err := OpenGrant(bad, ingest, binding); !fault.Is(err, fault.Damaged) {
					t.Errorf("byte %d changed: %v", i, err)
				}
			}
			for n := range len(grant) {
				if n > 50 && n < len(grant)-10 {
					continue
				}
				if _, err := OpenGrant(grant[:n], ingest, binding); !fault.Is(err, fault.Damaged) {
					t.Errorf("cut to %d bytes: %v", n, err)
				}
			}
			_, err = OpenGrant(append(bytes.Clone(grant), 0), ingest, binding)
			wantKind(t, err, fault.Damaged)
		})
	}
}

// A grant is no wrap and a wrap no grant, though both may be the same HPKE.
func TestGrantsAreNoWraps(t *testing.T) {
	ingest := hybridKey(t)
	w := must(WrapForAccessKey(Share{1}, ingest.PublicKey(), binding))
	_, err := OpenGrant(append([]byte{grantForPublic}, w.Data...), ingest, binding)
	wantKind(t, err, fault.Damaged)
	w.Data = must(WrapGrant(DeriveFileKey(Share{1}, Share{2}, fileID), ingest.PublicKey(), binding))[1:]
	_, err = UnwrapByAccessKey(w, ingest, binding)
	wantKind(t, err, fault.Damaged)
}

// Two grants of one key have nothing in common: nonces are drawn.
func TestOwnGrantsAreDrawn(t *testing.T) {
	ingest, k := hybridKey(t), DeriveFileKey(Share{1}, Share{2}, fileID)
	one, other := must(WrapOwnGrant(k, ingest, binding)), must(WrapOwnGrant(k, ingest, binding))
	if len(one) != 61 || bytes.Equal(one[1:13], other[1:13]) || bytes.Equal(one[13:], other[13:]) {
		t.Errorf("%x and %x", one, other)
	}
}

// The seed of the ingest key is lent, not given: wrapping leaves the key whole.
func TestGrantsLeaveTheirKeyWhole(t *testing.T) {
	ingest, k := hybridKey(t), DeriveFileKey(Share{1}, Share{2}, fileID)
	before := bytes.Clone(must(ingest.Bytes()))
	for _, grant := range grants(t, k, ingest) {
		must(OpenGrant(grant, ingest, binding))
	}
	if !bytes.Equal(must(ingest.Bytes()), before) {
		t.Error("the private key was changed")
	}
}
