package certs

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"sealgate/internal/fault"
)

const (
	acmeLooks  = time.Hour        // so often is it looked whether it is time, also after a failure
	acmeWithin = 10 * time.Minute // for one certificate
	lateAfter  = 24 * time.Hour

	acmeAccount     = "account"
	acmeCertificate = "certificate"
)

// Vault keeps secrets by name; the key store does.
type Vault interface {
	Get(name string) ([]byte, error) // fault.NotFound = none yet
	Put(name string, secret []byte) error
}

// ACMEOptions are the parts of an ACME.
type ACMEOptions struct {
	Host      string // the name that the certificate is for
	Email     string // where the authority writes to
	Directory string // the authority
	Vault     Vault
	Own       *Own         // is shown as long as there is no other
	Client    *http.Client // nil = the usual one
	Now       func() time.Time
	Log       *slog.Logger
}

// ACME is a certificate that an authority gives (RFC 8555) to who answers for the name
// at the HTTPS door itself (tls-alpn-01, RFC 8737). Unlike the other places it works in
// the background: Run asks for a certificate, and for another one when a third of its
// time is left. No handshake waits for that.
type ACME struct {
	opt ACMEOptions

	opened time.Time
	unkept []byte // a certificate with its key that is shown and could not be stored; Refresh's alone

	mu        sync.Mutex // guards what follows
	current   *tls.Certificate
	challenge *tls.Certificate // while the authority looks
}

// secret is where something lies in the vault: what one authority gives is none of
// another's, as when it was tried out with one whose certificates nobody trusts.
func (a *ACME) secret(name string) string { return name + " " + a.opt.Directory }

// OpenACME takes up the certificate of an earlier run, if there is one for this name of
// this authority.
func OpenACME(opt ACMEOptions) (*ACME, error) {
	a := &ACME{opt: opt, opened: opt.Now()}
	text, err := opt.Vault.Get(a.secret(acmeCertificate))
	if fault.Is(err, fault.NotFound) {
		return a, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "certs: acme", err)
	}
	defer clear(text)
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fault.Wrap(fault.Damaged, "certs: acme", err)
	}
	if pair.Leaf.VerifyHostname(opt.Host) == nil {
		a.current = &pair
	}
	return a, nil
}

// Certificate returns the certificate to show. It is for [tls.Config.GetCertificate].
func (a *ACME) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	a.mu.Lock()
	current, challenge := a.current, a.challenge
	a.mu.Unlock()
	if hello != nil && slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
		if challenge == nil || hello.ServerName != a.opt.Host {
			return nil, errors.New("no authority was asked to look")
		}
		return challenge, nil
	}
	if current == nil || usable(current.Leaf, a.opt.Now()) != nil {
		return a.opt.Own.Certificate(hello)
	}
	return current, nil
}

// Protocols are what the door has to speak besides its own, in TLS's ALPN.
func (a *ACME) Protocols() []string { return []string{acme.ALPNProto} }

// Run keeps the certificate fresh until ctx ends. The door has to be open.
func (a *ACME) Run(ctx context.Context) error {
	look := time.NewTicker(acmeLooks)
	defer look.Stop()
	for {
		if err := a.Refresh(ctx); err != nil && ctx.Err() == nil {
			a.opt.Log.Error("the authority gave no certificate for the HTTPS door; it is asked again in an hour", "host", a.opt.Host, "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
	}
}

// Refresh gets a certificate when it is time to.
func (a *ACME) Refresh(ctx context.Context) error {
	a.mu.Lock()
	fresh := a.current != nil && lastsLong(a.current.Leaf, a.opt.Now())
	a.mu.Unlock()
	if fresh {
		a.keep()
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, acmeWithin)
	defer cancel()
	pair, text, err := a.obtain(ctx)
	a.mu.Lock()
	a.challenge = nil
	if err == nil {
		a.current = pair
	}
	a.mu.Unlock()
	if err != nil {
		return fault.Wrap(fault.Internal, "certs: acme", err)
	}
	a.unkept = text
	a.keep()
	a.opt.Log.Info("the HTTPS door has a new certificate", "certificate", Fingerprint(pair), "until", pair.Leaf.NotAfter)
	return nil
}

// keep stores the certificate that is shown. Until that goes well it is tried each hour:
// authorities give few for one name, and it is as good as any.
func (a *ACME) keep() {
	if a.unkept == nil {
		return
	}
	if err := a.opt.Vault.Put(a.secret(acmeCertificate), a.unkept); err != nil {
		a.opt.Log.Error("the certificate of the HTTPS door could not be stored; it is shown until the gateway ends", "error", err)
		return
	}
	clear(a.unkept)
	a.unkept = nil
}

// Overdue tells whether the authority should have given a certificate a day ago, and
// from when on clients are shown one that they do not know.
func (a *ACME) Overdue() (late bool, from time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.opt.Now()
	if a.current == nil || usable(a.current.Leaf, now) != nil {
		return now.Sub(a.opened) > lateAfter, a.opened
	}
	end := a.current.Leaf.NotAfter
	return now.After(end.Add(lateAfter - end.Sub(a.current.Leaf.NotBefore)/3)), end
}

// lastsLong tells whether more than a third of a certificate's time is left.
func lastsLong(leaf *x509.Certificate, now time.Time) bool {
	return usable(leaf, now) == nil && leaf.NotAfter.Sub(now) > leaf.NotAfter.Sub(leaf.NotBefore)/3
}

func (a *ACME) obtain(ctx context.Context) (pair *tls.Certificate, text []byte, err error) {
	key, err := a.accountKey()
	if err != nil {
		return nil, nil, err
	}
	client := &acme.Client{Key: key, DirectoryURL: a.opt.Directory, HTTPClient: a.opt.Client, UserAgent: "sealgate"}
	who := &acme.Account{Contact: []string{"mailto:" + a.opt.Email}}
	if _, err := client.Register(ctx, who, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return nil, nil, err
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(a.opt.Host))
	if err != nil {
		return nil, nil, err
	}
	for _, at := range order.AuthzURLs {
		if err := a.answer(ctx, client, at); err != nil {
			return nil, nil, err
		}
	}
	at := order.URI // authorities need not repeat it
	if order, err = client.WaitOrder(ctx, at); err != nil {
		return nil, nil, err
	}
	order.URI = at
	return a.fetch(ctx, client, order)
}

// answer shows the authority that the name is ours.
func (a *ACME) answer(ctx context.Context, client *acme.Client, at string) error {
	z, err := client.GetAuthorization(ctx, at)
	if err != nil || z.Status == acme.StatusValid {
		return err
	}
	i := slices.IndexFunc(z.Challenges, func(c *acme.Challenge) bool { return c.Type == "tls-alpn-01" })
	if i < 0 {
		return errors.New("the authority does not look by tls-alpn-01")
	}
	shown, err := client.TLSALPN01ChallengeCert(z.Challenges[i].Token, a.opt.Host)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.challenge = &shown
	a.mu.Unlock()
	if _, err := client.Accept(ctx, z.Challenges[i]); err != nil {
		return err
	}
	_, err = client.WaitAuthorization(ctx, at)
	return err
}

// fetch has a new key certified; text is both, for the vault.
func (a *ACME) fetch(ctx context.Context, client *acme.Client, order *acme.Order) (_ *tls.Certificate, text []byte, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: []string{a.opt.Host}}, key)
	if err != nil {
		return nil, nil, err
	}
	chain, _, err := client.CreateCertFromOrder(ctx, order, request, true)
	if err != nil {
		return nil, nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	text = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	clear(private)
	for _, der := range chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	pair, err := tls.X509KeyPair(text, text)
	if err == nil {
		err = pair.Leaf.VerifyHostname(a.opt.Host)
	}
	if err == nil {
		err = usable(pair.Leaf, a.opt.Now().Add(clockSlack)) // its clock may be ahead
	}
	if err != nil {
		clear(text)
		return nil, nil, fmt.Errorf("the authority's certificate cannot be used: %w", err)
	}
	return &pair, text, nil
}

// accountKey is what the authority knows us by.
func (a *ACME) accountKey() (crypto.Signer, error) {
	der, err := a.opt.Vault.Get(a.secret(acmeAccount))
	if err == nil {
		defer clear(der)
		key, err := x509.ParseECPrivateKey(der)
		return key, fault.Wrap(fault.Damaged, "certs: acme account", err)
	}
	if !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if der, err = x509.MarshalECPrivateKey(key); err != nil {
		return nil, err
	}
	defer clear(der)
	return key, a.opt.Vault.Put(a.secret(acmeAccount), der)
}
