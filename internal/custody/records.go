package custody

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
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
//
// A sealed value begins with the id of its record key, 4 bytes that are derived
// from it: what was sealed under a key that has been destroyed is told from what
// is damaged.
type Records struct {
	mu   sync.RWMutex // guards what follows
	id   [idSize]byte
	aead cipher.AEAD
	key  *[32]byte         // by pointer: fmt finds an address only
	macs map[string][]byte // keys by label
}

const idSize = 4

// Format says what it is, under every verb, and nothing of the key.
func (*Records) Format(f fmt.State, _ rune) { io.WriteString(f, "record key") }

// newRecords takes over key.
func newRecords(key *[32]byte) *Records {
	r := new(Records)
	r.use(key)
	return r
}

// use takes up a key. The caller holds mu, or is the only one who knows r.
func (r *Records) use(key *[32]byte) {
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
	r.id = [idSize]byte(derive(key[:], "sealgate/v1 record key id"))
	r.aead, r.key, r.macs = aead, key, make(map[string][]byte)
}

// destroy forgets the key: what it has sealed is Locked from now on, and what
// somebody who still holds r seals with it opens for nobody.
func (r *Records) destroy() {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = rand.Read(r.key[:]) // never fails
	r.use(r.key)
}

// wrapFor wraps the record key for a certificate.
func (r *Records) wrapFor(account uuid.UUID, cert *x509.Certificate) (*catalog.RecordKey, error) {
	r.mu.RLock()
	share := seal.Share(*r.key)
	r.mu.RUnlock()
	defer share.Wipe()
	w, err := seal.WrapForCertificate(share, cert, recordBinding(account))
	if err != nil {
		return nil, err
	}
	return &catalog.RecordKey{Account: account, Fingerprint: w.Key.String(), Wrapped: append([]byte{byte(w.Alg)}, w.Data...)}, nil
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
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.aead.Seal(r.id[:len(r.id):len(r.id)], nil, plain, place(table, column, row))
}

// Open opens what Seal sealed: Locked when it was sealed under another record
// key, which was destroyed; Damaged when it was changed or moved.
func (r *Records) Open(table, column string, row uuid.UUID, sealed []byte) ([]byte, error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	op := "custody: open " + table + "." + column
	if len(sealed) < idSize {
		return nil, fault.Wrap(fault.Damaged, op, errors.New("it is too short"))
	}
	if [idSize]byte(sealed) != r.id {
		return nil, fault.New(fault.Locked, op, "it was sealed under a record key that was destroyed")
	}
	plain, err := r.aead.Open(nil, nil, sealed[idSize:], place(table, column, row))
	if err != nil {
		return nil, fault.Wrap(fault.Damaged, op, err)
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
	r, epoch := c.records[account], c.epoch
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
	switch {
	case c.records[account] != nil:
		return c.records[account], nil
	case c.epoch == epoch && c.changes == 0:
		c.records[account] = r
	}
	return r, nil
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

// newRecordKey draws a record key.
func newRecordKey() *Records {
	key := new([32]byte)
	_, _ = rand.Read(key[:]) // never fails
	return newRecords(key)
}

func unwrapRecordKey(row *catalog.RecordKey, cert *keys.Certificate) (seal.Share, error) {
	if len(row.Wrapped) == 0 {
		return seal.Share{}, fault.New(fault.Damaged, "custody: record key", "the record key is damaged")
	}
	w := seal.Wrap{Kind: seal.KindCertificate, Alg: seal.WrapAlg(row.Wrapped[0]), Key: cert.Fingerprint, Data: row.Wrapped[1:]}
	return seal.UnwrapByCertificate(w, cert.Key, recordBinding(row.Account))
}
