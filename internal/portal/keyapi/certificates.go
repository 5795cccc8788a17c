package keyapi

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/inventory"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

func (o *office) listCertificates(ctx context.Context, in *operation.ByName) (*operation.Out[[]portal.Certificate], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	all, err := o.Custody.Certificates(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Certificate, 0, len(all))
	for _, c := range all {
		list = append(list, certificateOf(c))
	}
	return operation.Answer(list), nil
}

func certificateOf(c inventory.Certificate) portal.Certificate {
	return portal.Certificate{
		Fingerprint: c.Fingerprint, Current: c.Current, KeyHere: c.Here, Token: c.Token, Files: c.Files,
		Subject: c.Cert.Subject.String(), Algorithm: algorithm(c.Cert),
		NotBefore: c.Cert.NotBefore.UTC(), NotAfter: c.Cert.NotAfter.UTC(), CreatedAt: c.CreatedAt.UTC(),
		RemoveAt: portal.Moment(c.RemoveAt), RemovedAt: portal.Moment(c.RemovedAt),
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

func (o *office) renewCertificate(ctx context.Context, in *operation.ByName) (*operation.Out[portal.Certificate], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	c, err := o.Custody.RenewCertificate(ctx, access.Of(ctx).Actor, acct.ID)
	if err != nil {
		return nil, err
	}
	return o.installed(ctx, acct.ID, c)
}

func (o *office) importCertificate(ctx context.Context, in *struct {
	operation.ByName
	Body portal.NewCertificate
},
) (*operation.Out[portal.Certificate], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	cert, err := Brought(ctx, in.Body.Certificate, in.Body.Key, o.Now())
	if err != nil {
		return nil, err
	}
	c, err := o.Custody.ImportCertificate(ctx, access.Of(ctx).Actor, acct.ID, cert, in.Body.Also)
	if err != nil {
		return nil, err
	}
	return o.installed(ctx, acct.ID, c)
}

// installed answers with a new certificate. Files that were not indexed before the
// account was closed wait for one, and are queued again.
func (o *office) installed(ctx context.Context, account uuid.UUID, c *inventory.Certificate) (*operation.Out[portal.Certificate], error) {
	if _, err := o.Indexer.Unlocked(ctx, account); err != nil {
		return nil, err
	}
	return operation.Answer(certificateOf(*c)), nil
}

// Brought checks a certificate that somebody brings with its key. The URI of a key
// in a token may name a library that is loaded into this process: only people of
// this machine may give one.
func Brought(ctx context.Context, cert, key string, now time.Time) (*keys.Certificate, error) {
	if strings.HasPrefix(strings.TrimSpace(key), "pkcs11:") {
		if err := access.OnTheMachine(ctx); err != nil {
			return nil, err
		}
	}
	return keys.ImportCertificate([]byte(cert), []byte(key), now)
}

func (o *office) exportCertificate(ctx context.Context, in *struct {
	operation.ByName
	Body struct {
		Fingerprint string `json:"fingerprint,omitempty" doc:"none = the newest"`
		WithKey     bool   `json:"with_key,omitempty"`
	}
},
) (*operation.Out[portal.Export], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if in.Body.WithKey {
		if err := o.mayExport(ctx); err != nil {
			return nil, err
		}
	}
	text, err := o.Custody.ExportCertificate(ctx, access.Of(ctx).Actor, acct.ID, in.Body.Fingerprint, in.Body.WithKey)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	return operation.Answer(portal.Export{PEM: string(text)}), nil
}

// mayExport lets an account's people take their own keys out, and who runs the
// gateway on its own machine, where they lie: what an account does not let him see
// he would open with them.
func (o *office) mayExport(ctx context.Context) error {
	if access.Of(ctx).Operator {
		if err := access.OnTheMachine(ctx); err != nil {
			return err
		}
	}
	if !o.ExportKeys {
		return fault.New(fault.Denied, "api: export", "this gateway never exports a key (keys.export: never)")
	}
	return nil
}
