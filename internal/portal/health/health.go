// Package health tells what there is to know about a gateway's keys and its audit
// log, of one that runs and of one that is stopped.
package health

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/account"
	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/portal"
	"sealgate/internal/statement"
	"sealgate/internal/store/catalog"
)

// KeyStore describes a key store.
func KeyStore(store *keys.Store) (*portal.KeyStore, error) {
	s, err := store.Summary()
	if err != nil {
		return nil, err
	}
	shown := &portal.KeyStore{
		Dir: s.Dir, Master: s.Master, Generation: s.Generation, Identity: hex.EncodeToString(s.Identity), Signs: statement.Fingerprint(s.Identity),
		Accounts: s.Accounts, HostKeys: []portal.SSHKey{}, IngestKeys: []portal.IngestKey{},
	}
	if s.Copy != "" {
		shown.Copy = &s.Copy
	}
	for _, key := range store.HostKeys() {
		public, err := ssh.NewPublicKey(key.Public())
		if err != nil {
			return nil, fault.Wrap(fault.Internal, "health: host key", err)
		}
		shown.HostKeys = append(shown.HostKeys, portal.SSHKey{Type: public.Type(), Fingerprint: ssh.FingerprintSHA256(public)})
	}
	for _, k := range s.IngestKeys {
		shown.IngestKeys = append(shown.IngestKeys, portal.IngestKey{Day: k.Day, Fingerprint: k.Fingerprint.String()})
	}
	return shown, nil
}

// VerifyAudit checks the audit log of a catalog against its signed heads.
func VerifyAudit(ctx context.Context, cat *catalog.Catalog, store *keys.Store) (*portal.AuditReport, error) {
	verifier, err := audit.NewVerifier(store.Identity().Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "health: audit", err)
	}
	r, err := cat.VerifyAudit(ctx, verifier, nil)
	if err != nil {
		return nil, err
	}
	return &portal.AuditReport{Entries: r.Entries, Heads: r.Heads, Root: hex.EncodeToString(r.Root[:])}, nil
}

// Keys looks at the keys of all accounts, and at the copy of them.
func Keys(ctx context.Context, accounts *account.Service, cus *custody.Custodian, store *keys.Store) ([]portal.Finding, error) {
	list := []portal.Finding{}
	warnings, err := cus.Warnings(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		if do := todo(w); do != "" {
			list = append(list, portal.Finding{Check: "keys of " + w.Name, Status: portal.Warned, Found: w.Message, Do: do})
		}
	}
	all, err := accounts.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	var newest time.Time
	for _, acct := range all {
		certs, err := cus.Certificates(ctx, acct.ID)
		if err != nil {
			return nil, err
		}
		keys, err := cus.AccessKeys(ctx, acct.ID)
		if err != nil {
			return nil, err
		}
		newest = later(newest, newestKey(certs, keys))
		list = append(list, checkTokens(acct, certs, store)...)
	}
	s, err := store.Summary()
	if err != nil {
		return nil, err
	}
	return append(list, checkCopy(s.Copy, newest)), nil
}

// todo says what to do about a warning; nothing about what somebody wanted so.
func todo(w keyring.Warning) string {
	switch w.Code {
	case "certificate-expires", "certificate-expired":
		return "gateway certificate renew " + w.Name + ", or import a new one"
	case "no-key-for-year", "no-access-key":
		return "gateway access-key add " + w.Name
	case "not-confirmed":
		return "gateway access-key challenge, answer, confirm"
	case "removal-scheduled":
		return "nothing, or call it off with --cancel"
	}
	return ""
}

// newestKey is when the newest key was made of those that lie in the key store.
func newestKey(certs []custody.CertificateInfo, keys []custody.AccessKeyInfo) (at time.Time) {
	for _, c := range certs {
		if c.RemovedAt.IsZero() && c.Here {
			at = later(at, c.CreatedAt)
		}
	}
	for _, k := range keys {
		if k.RemovedAt.IsZero() && k.Held != catalog.KeysCustomer {
			at = later(at, k.CreatedAt)
		}
	}
	return at
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// checkCopy looks whether the copy that keys backup made has every key in it.
func checkCopy(path string, newest time.Time) portal.Finding {
	const check, do = "copy of keys", "gateway keys backup FILE, to a place apart from the data and from the master key"
	if path == "" {
		return portal.Finding{Check: check, Status: portal.Warned, Found: "none was ever made: with this disk every kept file is lost", Do: do}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return portal.Finding{
			Check: check, Status: portal.Warned, Found: "it cannot be reached at " + path + ": a key that is removed now stays in it",
			Do: "bring it there, or make one elsewhere: " + do,
		}
	case info.ModTime().Before(newest):
		return portal.Finding{
			Check: check, Status: portal.Warned, Found: fmt.Sprintf("%s is of %s, the newest key of %s", path, stamp(info.ModTime()), stamp(newest)), Do: "gateway keys backup " + path,
		}
	}
	return portal.Finding{Check: check, Status: portal.Fine, Found: fmt.Sprintf("%s, of %s, holds every key", path, stamp(info.ModTime()))}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// checkTokens looks whether keys in tokens answer: an agreement with a key that was
// made for this and is thrown away.
func checkTokens(acct *account.Account, certs []custody.CertificateInfo, store *keys.Store) []portal.Finding {
	var list []portal.Finding
	for _, c := range certs {
		if c.Token == "" || !c.RemovedAt.IsZero() {
			continue
		}
		f := portal.Finding{Check: "token of " + acct.Name, Status: portal.Fine, Found: "it answers"}
		if err := tryToken(acct, c, store); err != nil {
			f.Status, f.Found, f.Do = portal.Failing, fault.Message(err), "see that the token is there and its PIN is right: without it the account's files and names do not open"
		}
		list = append(list, f)
	}
	return list
}

func tryToken(acct *account.Account, c custody.CertificateInfo, store *keys.Store) error {
	held, err := store.Account(acct.ID)
	if err != nil {
		return err
	}
	for _, cert := range held.Certificates() {
		if cert.Fingerprint.String() != c.Fingerprint {
			continue
		}
		key, ok := cert.Key.(ecdh.KeyExchanger)
		if !ok {
			return nil
		}
		other, err := key.Curve().GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		_, err = key.ECDH(other.PublicKey())
		return err
	}
	return fault.New(fault.Locked, "health: token", "the key store does not know the key of certificate %s", c.Fingerprint)
}
