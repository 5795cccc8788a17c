// Package health tells what there is to know about a gateway's keys and its audit
// log, of one that runs and of one that is stopped.
package health

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/account"
	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/custody/inventory"
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
	if _, err := store.CheckCopy(); err != nil {
		shown.CopyProblem = fault.Message(err)
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
			f := portal.Finding{Check: "keys of " + w.Name, Status: portal.Warned, Found: w.Message, Do: do}
			if w.Code == keyring.WarnMissing {
				f.Status = portal.Failing
			}
			list = append(list, f)
		}
	}
	all, err := accounts.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	for _, acct := range all {
		certs, err := cus.Certificates(ctx, acct.ID)
		if err != nil {
			return nil, err
		}
		list = append(list, checkTokens(acct, certs, store)...)
	}
	return append(list, checkCopy(store)), nil
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
	case keyring.WarnMissing:
		return "restore a newer copy of the keys beside this data; if there is none, gateway certificate renew " + w.Name + ", or gateway access-key add " + w.Name
	case keyring.WarnOlderData:
		return "restore a newer backup of the data if there is one; or erase the files at once, gateway file erase"
	case "removal-scheduled":
		return "nothing, or call it off with --cancel"
	}
	return ""
}

// checkCopy looks whether the copy that keys backup made opens with the master key
// of today and has every key in it.
func checkCopy(store *keys.Store) portal.Finding {
	const apart = "gateway keys backup FILE, to a place apart from the data and from the master key"
	path, err := store.CheckCopy()
	f := portal.Finding{Check: "copy of keys", Status: portal.Warned, Found: fault.Message(err)}
	switch {
	case err == nil && path == "":
		f.Found, f.Do = "none was ever made: with this disk every kept file is lost", apart
	case err == nil:
		f.Status, f.Found = portal.Fine, path+" holds every key"
	case path == "":
		f.Do = apart
	case fault.Is(err, fault.NotFound):
		f.Found = "it cannot be reached at " + path + ": a key that is made now is not in it, one that is removed now stays in it"
		f.Do = "bring it there, or make one elsewhere: " + apart
	case fault.Is(err, fault.TryLater):
		f.Do = "see to that disk or server: what has changed meanwhile is written there when it answers; or make one elsewhere: " + apart
	case fault.Is(err, fault.Exists):
		f.Do = "find out whose it is, and make one elsewhere: " + apart
	default:
		f.Do = "gateway keys backup " + path
	}
	return f
}

// checkTokens looks whether keys in tokens answer: an agreement with a key that was
// made for this and is thrown away.
func checkTokens(acct *account.Account, certs []inventory.Certificate, store *keys.Store) []portal.Finding {
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

func tryToken(acct *account.Account, c inventory.Certificate, store *keys.Store) error {
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
