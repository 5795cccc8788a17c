package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/custody/inventory"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/portal"
)

func (a *API) custody() {
	const certs, access = "/accounts/{name}/certificates", "/accounts/{name}/access-keys"
	register(a, http.MethodGet, certs, "list-certificates", "The certificates of an account, newest first, with how many files need each", a.listCertificates)
	register(a, http.MethodPost, certs, "import-certificate", "Bring a certificate with its key: new files are sealed under it", a.importCertificate)
	register(a, http.MethodPost, certs+"/renew", "renew-certificate", "Make a new certificate: new files are sealed under it, old ones still open", a.renewCertificate)
	register(a, http.MethodPost, certs+"/export", "export-certificate", "A certificate, with its key when asked for (audited)", a.exportCertificate)
	a.removals(certs, "certificate", a.certificate)
	register(a, http.MethodGet, access, "list-access-keys", "The access keys of an account, newest first, with how many files need each", a.listAccessKeys)
	register(a, http.MethodPost, access, "add-access-key", "Add an access key: made here, or of the customer", a.addAccessKey)
	register(a, http.MethodPost, access+"/export", "export-access-key", "A gateway-held access key (audited)", a.exportAccessKey)
	register(a, http.MethodPost, access+"/{key}/challenge", "challenge-access-key", "Something that only the holder of the access key can answer", a.challenge)
	register(a, http.MethodPost, access+"/{key}/confirm", "confirm-access-key", "Take the answer: the access key is used from then on", a.confirm)
	register(a, http.MethodGet, access+"/{key}/encrypted", "get-encrypted-access-key", "The private half that is kept under the customer's passphrase, as it is kept", a.encryptedKey)
	a.removals(access, "access-key", a.accessKey)
	register(a, http.MethodPost, "/accounts/{name}/unlock", "unlock-account", "Lend the gateway the customer's access key, in memory and for some hours", a.unlock)
	register(a, http.MethodPost, "/accounts/{name}/lock", "lock-account", "Forget the access key that was lent", a.lock)
	register(a, http.MethodPost, "/accounts/{name}/reseal", "reseal-account", "Seal existing files for the account's present keys, in the background", a.reseal)
	register(a, http.MethodGet, "/accounts/{name}/reseal", "reseal-progress", "How far that is", a.resealProgress)
	register(a, http.MethodGet, "/accounts/{name}/statements", "list-statements", "Signed statements about what was destroyed, newest first", a.listStatements)
	register(a, http.MethodGet, "/statements/{id}", "get-statement", "One signed statement", a.getStatement)
	register(a, http.MethodGet, "/files/{id}/receipt", "get-receipt", "The signed receipt of a file", a.getReceipt)
}

func (a *API) listCertificates(ctx context.Context, in *ByName) (*out[[]portal.Certificate], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	all, err := a.Custody.Certificates(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Certificate, 0, len(all))
	for _, c := range all {
		list = append(list, certificateOf(c))
	}
	return &out[[]portal.Certificate]{list}, nil
}

func certificateOf(c inventory.Certificate) portal.Certificate {
	return portal.Certificate{
		Fingerprint: c.Fingerprint, Current: c.Current, KeyHere: c.Here, Token: c.Token, Files: c.Files,
		Subject: c.Cert.Subject.String(), Algorithm: algorithm(c.Cert),
		NotBefore: c.Cert.NotBefore.UTC(), NotAfter: c.Cert.NotAfter.UTC(), CreatedAt: c.CreatedAt.UTC(),
		RemoveAt: moment(c.RemoveAt), RemovedAt: moment(c.RemovedAt),
		PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Cert.Raw})),
	}
}

func algorithm(cert *x509.Certificate) string {
	switch key := cert.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "EC " + key.Curve.Params().Name
	}
	return cert.PublicKeyAlgorithm.String()
}

func (a *API) renewCertificate(ctx context.Context, in *ByName) (*out[portal.Certificate], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	c, err := a.Custody.RenewCertificate(ctx, caller(ctx).Actor, acct.ID)
	if err != nil {
		return nil, err
	}
	return a.installed(ctx, acct.ID, c)
}

func (a *API) importCertificate(ctx context.Context, in *struct {
	ByName
	Body portal.NewCertificate
},
) (*out[portal.Certificate], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	cert, err := a.brought(ctx, in.Body.Certificate, in.Body.Key)
	if err != nil {
		return nil, err
	}
	c, err := a.Custody.ImportCertificate(ctx, caller(ctx).Actor, acct.ID, cert, in.Body.Also)
	if err != nil {
		return nil, err
	}
	return a.installed(ctx, acct.ID, c)
}

// installed answers with a new certificate. Files that were not indexed before the
// account was closed wait for one, and are queued again.
func (a *API) installed(ctx context.Context, account uuid.UUID, c *inventory.Certificate) (*out[portal.Certificate], error) {
	if _, err := a.Indexer.Unlocked(ctx, account); err != nil {
		return nil, err
	}
	return &out[portal.Certificate]{certificateOf(*c)}, nil
}

// brought checks a certificate that somebody brings with its key. The URI of a key
// in a token may name a library that is loaded into this process: only people of
// this machine may give one.
func (a *API) brought(ctx context.Context, cert, key string) (*keys.Certificate, error) {
	if strings.HasPrefix(strings.TrimSpace(key), "pkcs11:") {
		if err := local(ctx); err != nil {
			return nil, err
		}
	}
	return keys.ImportCertificate([]byte(cert), []byte(key), a.Now())
}

func (a *API) exportCertificate(ctx context.Context, in *struct {
	ByName
	Body struct {
		Fingerprint string `json:"fingerprint,omitempty" doc:"none = the newest"`
		WithKey     bool   `json:"with_key,omitempty"`
	}
},
) (*out[portal.Export], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if in.Body.WithKey {
		if err := a.mayExport(ctx); err != nil {
			return nil, err
		}
	}
	text, err := a.Custody.ExportCertificate(ctx, caller(ctx).Actor, acct.ID, in.Body.Fingerprint, in.Body.WithKey)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return &out[portal.Export]{portal.Export{PEM: string(text)}}, nil
}

// mayExport lets an account's people take their own keys out, and who runs the
// gateway on its own machine, where they lie: what an account does not let him see
// he would open with them.
func (a *API) mayExport(ctx context.Context) error {
	if caller(ctx).Operator {
		if err := local(ctx); err != nil {
			return err
		}
	}
	if !a.ExportKeys {
		return fault.New(fault.Denied, "api: export", "this gateway never exports a key (keys.export: never)")
	}
	return nil
}
