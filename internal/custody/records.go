package custody

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"sync"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Records seals the columns of one account that would tell something to
// somebody who reads the catalog: names, addresses, sums, texts. It is safe for
// concurrent use.
type Records struct {
	aead cipher.AEAD
	key  *[32]byte // by pointer: fmt finds an address only

	mu   sync.RWMutex
	macs map[string][]byte // keys by label
}

// Format says what it is, under every verb, and nothing of the key.
func (*Records) Format(f fmt.State, _ rune) { io.WriteString(f, "record key") }

// newRecords takes over key.
func newRecords(key *[32]byte) *Records {
	k := derive(key[:], "sealgate/v1 records")
	defer clear(k)
	block, err := aes.NewCipher(k)
	if err != nil {
		panic(err) // cannot happen: 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // cannot happen: an AES block
	}
	return &Records{aead: aead, key: key, macs: make(map[string][]byte)}
}

func derive(key []byte, info string) []byte {
	k, err := hkdf.Key(sha256.New, key, nil, info, 32)
	if err != nil {
		panic(err) // cannot happen: the length is right
	}
	return k
}

// Seal seals the value of one column of one row. It opens nowhere else.
func (r *Records) Seal(table, column string, row uuid.UUID, plain []byte) []byte {
	return r.aead.Seal(nil, nil, plain, place(table, column, row))
}

// Open opens what Seal sealed; Damaged when it was changed or moved.
func (r *Records) Open(table, column string, row uuid.UUID, sealed []byte) ([]byte, error) {
	plain, err := r.aead.Open(nil, nil, sealed, place(table, column, row))
	if err != nil {
		return nil, fault.Wrap(fault.Damaged, "custody: open "+table+"."+column, err)
	}
	return plain, nil
}

func place(table, column string, row uuid.UUID) []byte {
	return joined([]byte("sealgate/v1 record"), []byte(table), []byte(column), row[:])
}

// joined puts parts together so that no two lists of parts read the same.
func joined(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}

// MAC tells equal values apart from others without telling the values. Each
// label has a key of its own.
func (r *Records) MAC(label string, parts ...[]byte) [32]byte {
	m := hmac.New(sha256.New, r.macKey(label))
	m.Write(joined(parts...))
	return [32]byte(m.Sum(nil))
}

func (r *Records) macKey(label string) []byte {
	r.mu.RLock()
	k := r.macs[label]
	r.mu.RUnlock()
	if k != nil {
		return k
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.macs[label] == nil {
		r.macs[label] = derive(r.key[:], "sealgate/v1 "+label)
	}
	return r.macs[label]
}

// Records returns the account's record key, unwrapped once in the life of the
// process. Locked when no certificate that it is wrapped for has its key here.
func (c *Custodian) Records(ctx context.Context, account uuid.UUID) (*Records, error) {
	const op = "custody: record key"
	c.mu.RLock()
	r := c.records[account]
	c.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	var wrapped []*catalog.RecordKey
	err := c.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		wrapped, err = tx.RecordKeys(account)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if r, err = c.unwrapRecords(account, wrapped); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.records[account] == nil {
		c.records[account] = r
	}
	return c.records[account], nil
}

// unwrapRecords tries the wraps whose certificate key is here. One that does
// not open does not hide another that does.
func (c *Custodian) unwrapRecords(account uuid.UUID, wrapped []*catalog.RecordKey) (*Records, error) {
	have, err := c.accountKeys(account)
	if err != nil {
		return nil, err
	}
	err = fault.New(fault.Locked, "custody: record key", "the certificate key that opens this account's records is not in the key store")
	for _, row := range wrapped {
		for _, cert := range have.Certificates() {
			if cert.Fingerprint.String() != row.Fingerprint {
				continue
			}
			share, uerr := unwrapRecordKey(row, cert)
			if uerr == nil {
				key := [32]byte(share)
				share.Wipe()
				return newRecords(&key), nil
			}
			err = uerr
		}
	}
	return nil, err
}

// A record key is wrapped like a share of a file: 32 bytes for a certificate,
// bound to the account. The file is the zero id, which no file has.
func recordBinding(account uuid.UUID) seal.Binding { return seal.Binding{Account: account} }

// makeRecordKey draws a record key and wraps it for the certificate.
func (k *AccountKeys) makeRecordKey(cert *keys.Certificate) error {
	share, other := seal.NewShares()
	defer share.Wipe()
	defer other.Wipe()
	w, err := seal.WrapForCertificate(share, cert.Cert, recordBinding(k.account))
	if err != nil {
		return err
	}
	k.recordKey = catalog.RecordKey{
		Account: k.account, Fingerprint: w.Key.String(), Wrapped: append([]byte{byte(w.Alg)}, w.Data...),
	}
	key := [32]byte(share)
	k.records = newRecords(&key)
	return nil
}

func unwrapRecordKey(row *catalog.RecordKey, cert *keys.Certificate) (seal.Share, error) {
	if len(row.Wrapped) == 0 {
		return seal.Share{}, fault.New(fault.Damaged, "custody: record key", "the record key is damaged")
	}
	w := seal.Wrap{Kind: seal.KindCertificate, Alg: seal.WrapAlg(row.Wrapped[0]), Key: cert.Fingerprint, Data: row.Wrapped[1:]}
	return seal.UnwrapByCertificate(w, cert.Key, recordBinding(row.Account))
}
