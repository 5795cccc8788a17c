package api

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
)

func (a *API) custody() {
	register(a, http.MethodGet, "/accounts/{name}/certificates", "list-certificates", "The certificates of an account, newest first", a.listCertificates)
	register(a, http.MethodPost, "/accounts/{name}/certificates/export", "export-certificate", "A certificate, with its key when asked for (audited)", a.exportCertificate)
	register(a, http.MethodGet, "/accounts/{name}/access-keys", "list-access-keys", "The access keys of an account, newest first", a.listAccessKeys)
	register(a, http.MethodPost, "/accounts/{name}/access-keys/export", "export-access-key", "A gateway-held access key (audited)", a.exportAccessKey)
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

func certificateOf(c custody.CertificateInfo) portal.Certificate {
	return portal.Certificate{
		Fingerprint: c.Fingerprint, Current: c.Current, KeyHere: c.Here, Subject: c.Cert.Subject.String(), Algorithm: algorithm(c.Cert),
		NotBefore: c.Cert.NotBefore.UTC(), NotAfter: c.Cert.NotAfter.UTC(), CreatedAt: c.CreatedAt.UTC(), RemovedAt: moment(c.RemovedAt),
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
		if err := a.mayExport(); err != nil {
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

func (a *API) listAccessKeys(ctx context.Context, in *ByName) (*out[[]portal.AccessKey], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	all, err := a.Custody.AccessKeys(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	list := make([]portal.AccessKey, 0, len(all))
	for _, k := range all {
		list = append(list, portal.AccessKey{
			ID: k.ID.String(), Fingerprint: k.Fingerprint, Held: k.Held, Confirmed: k.Confirmed, CreatedAt: k.CreatedAt.UTC(), RemovedAt: moment(k.RemovedAt),
		})
	}
	return &out[[]portal.AccessKey]{list}, nil
}

func (a *API) exportAccessKey(ctx context.Context, in *struct {
	ByName
	Body struct {
		ID string `json:"id,omitempty" doc:"none = the newest"`
	}
},
) (*out[portal.Export], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := a.mayExport(); err != nil {
		return nil, err
	}
	id := uuid.Nil
	if in.Body.ID != "" {
		if id, err = uuid.Parse(in.Body.ID); err != nil {
			return nil, fault.New(fault.NotFound, "api: export", "the account has no access key %q", in.Body.ID)
		}
	}
	private, public, err := a.Custody.ExportAccessKey(ctx, caller(ctx).Actor, acct.ID, id)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	return &out[portal.Export]{portal.Export{PEM: string(private), Public: string(public)}}, nil
}

func (a *API) mayExport() error {
	if !a.ExportKeys {
		return fault.New(fault.Denied, "api: export", "this gateway never exports a key (keys.export: never)")
	}
	return nil
}
