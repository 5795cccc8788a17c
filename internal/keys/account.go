package keys

import (
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// The entries of account-<uuid>.key.
const (
	kindCertificate = "certificate" // id: fingerprint; public: certificate DER; secret: PKCS#8
	kindAccessKey   = "access-key"  // id: uuid; public: the public key; secret: the private key, or nothing
)

// Account is what the store holds for one account, as it was when it was
// asked for.
type Account struct {
	certificates []*Certificate
	accessKeys   []*AccessKey
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
// either may be nil. What a crash left of an earlier attempt is overwritten, so
// the caller makes sure that no account of this id is in use.
func (s *Store) CreateAccount(id uuid.UUID, c *Certificate, k *AccessKey) error {
	const op = "keys: create account"
	s.mu.Lock()
	defer s.mu.Unlock()
	doc := newDocument(accountFile(id))
	if c != nil {
		if err := s.appendCertificate(doc, c); err != nil {
			return fault.Wrap(fault.Internal, op, err)
		}
	}
	if k != nil {
		if err := s.appendAccessKey(doc, k); err != nil {
			return fault.Wrap(fault.Internal, op, err)
		}
	}
	return fault.Wrap(fault.Internal, op, s.writeAccount(id, doc))
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

// AddCertificate adds a certificate with its key; Exists when it is there.
func (s *Store) AddCertificate(id uuid.UUID, c *Certificate) error {
	return s.editAccount("keys: add certificate", id, func(doc *document) error { return s.appendCertificate(doc, c) })
}

// AddAccessKey adds an access key; Exists when it is there.
func (s *Store) AddAccessKey(id uuid.UUID, k *AccessKey) error {
	return s.editAccount("keys: add access key", id, func(doc *document) error { return s.appendAccessKey(doc, k) })
}

// RemoveCertificate destroys a certificate's key: what was sealed under it
// alone can never be read again. NotFound when it is not here.
func (s *Store) RemoveCertificate(id uuid.UUID, fp seal.Fingerprint) error {
	return s.editAccount("keys: remove certificate", id, func(doc *document) error {
		return doc.remove(kindCertificate, fp.String())
	})
}

// RemoveAccessKey destroys an access key, as RemoveCertificate does.
func (s *Store) RemoveAccessKey(id, accessKey uuid.UUID) error {
	return s.editAccount("keys: remove access key", id, func(doc *document) error {
		return doc.remove(kindAccessKey, accessKey.String())
	})
}

// DestroyAccount destroys every key of the account; none there is fine.
func (s *Store) DestroyAccount(id uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.accounts, id)
	return fault.Wrap(fault.Internal, "keys: destroy account", s.destroy(accountFile(id)))
}

func (s *Store) editAccount(op string, id uuid.UUID, edit func(*document) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	doc, err := s.readAccount(id)
	if err == nil {
		err = edit(doc)
	}
	if err == nil {
		err = s.writeAccount(id, doc)
	}
	return fault.Wrap(fault.Internal, op, err)
}

func (s *Store) readAccount(id uuid.UUID) (*document, error) {
	doc, err := s.read(accountFile(id))
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "keys: read account", "the key store has no keys of account %s", id)
	}
	return doc, err
}

// writeAccount writes the file and takes it up. When the write fails, nobody
// knows which content is in place: it is read again by the next who asks.
func (s *Store) writeAccount(id uuid.UUID, doc *document) error {
	delete(s.accounts, id)
	if err := s.write(accountFile(id), doc.marshal()); err != nil {
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

func (s *Store) openAccount(doc *document) (*Account, error) {
	a := new(Account)
	for _, e := range doc.Entries {
		secret, err := s.ring.open(doc.Name, e)
		if err != nil {
			return nil, err
		}
		switch e.Kind {
		case kindCertificate:
			var c *Certificate
			if c, err = openCertificate(e, secret); err == nil {
				a.certificates = append(a.certificates, c)
			}
		case kindAccessKey:
			var k *AccessKey
			if k, err = openAccessKey(e, secret); err == nil {
				a.accessKeys = append(a.accessKeys, k)
			}
		default:
			err = errors.New("an entry of unknown kind " + e.Kind)
		}
		clear(secret)
		if err != nil {
			return nil, damaged(doc.Name, err)
		}
	}
	return a, nil
}

func (d *document) find(kind, id string) int {
	return slices.IndexFunc(d.Entries, func(e entry) bool { return e.Kind == kind && e.ID == id })
}

func (d *document) remove(kind, id string) error {
	i := d.find(kind, id)
	if i < 0 {
		return fault.New(fault.NotFound, "keys: remove", "no such key: %s", id)
	}
	d.Entries = slices.Delete(d.Entries, i, i+1)
	return nil
}

// add wraps secret, clears it, and appends the entry.
func (s *Store) add(doc *document, e entry, secret []byte) error {
	defer clear(secret)
	if doc.find(e.Kind, e.ID) >= 0 {
		return fault.New(fault.Exists, "keys: add", "the key is there already: %s", e.ID)
	}
	if len(doc.Entries) >= maxEntries {
		return fault.New(fault.TooLarge, "keys: add", "the account has %d keys", maxEntries)
	}
	s.ring.seal(doc.Name, &e, secret)
	doc.Entries = append(doc.Entries, e)
	return nil
}
