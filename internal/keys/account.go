package keys

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys/wrapped"
	"sealgate/internal/seal"
)

// The entries of account-<uuid>.key. One that was destroyed keeps its kind and
// id, has the fingerprint of the key as its public part, and no secret.
const (
	KindCertificate = "certificate" // id: fingerprint; public: certificate DER; secret: PKCS#8
	KindAccessKey   = "access-key"  // id: uuid; public: the public key; secret: the private key, or nothing

	kindTokenCertificate = "token-certificate"     // as a certificate; secret: the pkcs11: URI of its key
	kindPassphraseKey    = "passphrase-access-key" // as an access key; secret: keyfile.EncryptedAccessKey
)

// Account is what the store holds for one account, as it was when it was
// asked for.
type Account struct {
	certificates []*Certificate
	accessKeys   []*AccessKey
	destroyed    []Destroyed
	secrets      map[SecretName][]byte
}

// Format says how much is there under every verb: none prints what it is.
func (a Account) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "%d certificates, %d access keys", len(a.certificates), len(a.accessKeys))
}

// Certificates returns the certificates, the oldest first.
func (a *Account) Certificates() []*Certificate { return slices.Clone(a.certificates) }

// AccessKeys returns the access keys, the oldest first.
func (a *Account) AccessKeys() []*AccessKey { return slices.Clone(a.accessKeys) }

// Certificate returns the certificate of this fingerprint, nil if there is none.
func (a *Account) Certificate(fp seal.Fingerprint) *Certificate {
	i := slices.IndexFunc(a.certificates, func(c *Certificate) bool { return c.Fingerprint == fp })
	if i < 0 {
		return nil
	}
	return a.certificates[i]
}

// AccessKey returns the access key of this fingerprint, nil if there is none.
func (a *Account) AccessKey(fp seal.Fingerprint) *AccessKey {
	i := slices.IndexFunc(a.accessKeys, func(k *AccessKey) bool { return k.Fingerprint == fp })
	if i < 0 {
		return nil
	}
	return a.accessKeys[i]
}

func accountFile(id uuid.UUID) string { return "account-" + id.String() + ".key" }

func parseAccountFile(name string) (uuid.UUID, bool) {
	rest, ok := strings.CutPrefix(name, "account-")
	if !ok {
		return uuid.Nil, false
	}
	text, ok := strings.CutSuffix(rest, ".key")
	if !ok {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	return id, err == nil && id.String() == text
}

// CreateAccount writes the account's key file anew, with these first keys;
// either may be nil. As all that is added, they go into the last backup, too,
// when it can be reached; CheckCopy tells. What a crash left of an earlier attempt is overwritten, so
// the caller makes sure that no account of this id is in use.
func (s *Store) CreateAccount(id uuid.UUID, c *Certificate, k *AccessKey) error {
	const op = "keys: create account"
	return s.change(op, func() error {
		doc := wrapped.New(accountFile(id))
		if c != nil {
			if err := s.appendCertificate(doc, c); err != nil {
				return err
			}
		}
		if k != nil {
			if err := s.appendAccessKey(doc, k); err != nil {
				return err
			}
		}
		s.spare.Renewed(doc.Name)
		return s.writeAccount(id, doc)
	})
}

// Account returns the account's keys; NotFound when the store has none for it.
func (s *Store) Account(id uuid.UUID) (*Account, error) {
	const op = "keys: account"
	s.mu.RLock()
	a := s.accounts[id]
	s.mu.RUnlock()
	if a != nil {
		return a, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.loadAccount(id)
	return a, fault.Wrap(fault.Internal, op, err)
}

// Accounts lists the accounts that have keys here.
func (s *Store) Accounts() ([]uuid.UUID, error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "keys: accounts", err)
	}
	var ids []uuid.UUID
	for _, name := range names {
		if id, ok := parseAccountFile(name); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// AddCertificate adds a certificate with its key; Exists when it is there, or
// was and has been destroyed.
func (s *Store) AddCertificate(id uuid.UUID, c *Certificate) error {
	return s.editKeys("keys: add certificate", id, func(doc *wrapped.Document) error { return s.appendCertificate(doc, c) })
}

// AddAccessKey adds an access key; Exists as for AddCertificate.
func (s *Store) AddAccessKey(id uuid.UUID, k *AccessKey) error {
	return s.editKeys("keys: add access key", id, func(doc *wrapped.Document) error { return s.appendAccessKey(doc, k) })
}

// DestroyAccount destroys every key of an account that never came to be, and
// leaves no trace of them; none there is fine.
func (s *Store) DestroyAccount(id uuid.UUID) error {
	return s.change("keys: destroy account", func() error {
		s.spare.Renewed(accountFile(id))
		delete(s.accounts, id)
		return s.destroy(accountFile(id))
	})
}

// editKeys changes an account's file and the copy.
func (s *Store) editKeys(op string, id uuid.UUID, edit func(*wrapped.Document) error) error {
	return s.change(op, func() error { return s.editAccount(op, id, edit) })
}

// change changes the store's own files, and then the copy.
func (s *Store) change(op string, edit func() error) error {
	if err := s.changeHere(edit); err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	s.renewCopy()
	return nil
}

// changeHere changes the store's own files: the copy is behind from then on.
func (s *Store) changeHere(edit func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := edit()
	if err == nil {
		s.late.Store(true)
	}
	return err
}

// editAccount changes an account's file; mu is held.
func (s *Store) editAccount(op string, id uuid.UUID, edit func(*wrapped.Document) error) error {
	doc, err := s.readAccount(id)
	if err == nil {
		err = edit(doc)
	}
	if err == nil {
		err = s.writeAccount(id, doc)
	}
	return fault.Wrap(fault.Internal, op, err)
}

func (s *Store) readAccount(id uuid.UUID) (*wrapped.Document, error) {
	doc, err := s.read(accountFile(id))
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "keys: read account", "the key store has no keys of account %s", id)
	}
	return doc, err
}

// writeAccount writes the file and takes it up. When the write fails, nobody
// knows which content is in place: it is read again by the next who asks.
func (s *Store) writeAccount(id uuid.UUID, doc *wrapped.Document) error {
	text := doc.Marshal()
	if len(text) > maxFile {
		return errTooMany // nobody could read it again
	}
	delete(s.accounts, id)
	if err := s.write(accountFile(id), text); err != nil {
		return err
	}
	_, err := s.loadAccount(id)
	return err
}

func (s *Store) loadAccount(id uuid.UUID) (*Account, error) {
	if a := s.accounts[id]; a != nil {
		return a, nil
	}
	doc, err := s.readAccount(id)
	if err != nil {
		return nil, err
	}
	a, err := s.openAccount(doc)
	if err != nil {
		return nil, err
	}
	s.accounts[id] = a
	return a, nil
}

func (s *Store) openAccount(doc *wrapped.Document) (*Account, error) {
	a := new(Account)
	for _, e := range doc.Entries {
		secret, err := s.ring.Open(doc.Name, e)
		if err != nil {
			return nil, err
		}
		err = a.take(e, secret)
		clear(secret)
		if err != nil {
			return nil, wrapped.Damaged(doc.Name, err)
		}
	}
	return a, nil
}

// take puts one opened entry in its place.
func (a *Account) take(e wrapped.Entry, secret []byte) error {
	switch {
	case e.Destroyed != "":
		d, err := openDestroyed(e)
		if err != nil {
			return err
		}
		a.destroyed = append(a.destroyed, d)
	case base(e) == KindCertificate:
		c, err := openCertificate(e, secret)
		if err != nil {
			return err
		}
		a.certificates = append(a.certificates, c)
	case base(e) == KindAccessKey:
		k, err := openAccessKey(e, secret)
		if err != nil {
			return err
		}
		a.accessKeys = append(a.accessKeys, k)
	case isAccountSecret(e):
		return a.takeSecret(e, secret)
	default:
		return errors.New("an entry of unknown kind " + e.Kind)
	}
	return nil
}

// base is the kind of key, wherever and however it is held.
func base(e wrapped.Entry) string {
	switch e.Kind {
	case kindTokenCertificate:
		return KindCertificate
	case kindPassphraseKey:
		return KindAccessKey
	}
	return e.Kind
}

// find returns the place of a key that was not destroyed, or -1.
func find(d *wrapped.Document, kind, id string) int {
	return slices.IndexFunc(d.Entries, func(e wrapped.Entry) bool { return e.Destroyed == "" && base(e) == kind && e.ID == id })
}

// add wraps secret, clears it, and appends the entry.
func (s *Store) add(doc *wrapped.Document, e wrapped.Entry, secret []byte) error {
	defer clear(secret)
	if find(doc, base(e), e.ID) >= 0 {
		return fault.New(fault.Exists, "keys: add", "the key is there already: %s", e.ID)
	}
	if len(doc.Entries) >= wrapped.MaxEntries {
		return errTooMany
	}
	s.ring.Seal(doc.Name, &e, secret)
	doc.Entries = append(doc.Entries, e)
	return nil
}

var errTooMany = fault.New(fault.TooLarge, "keys: add", "the account has more keys than fit into its key file")
