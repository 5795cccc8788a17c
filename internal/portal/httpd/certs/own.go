package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"

	"sealgate/internal/fault"
)

// A certificate of our own is valid for as long as browsers take any, and renewed a
// month before it ends. The key stays: who pins it has no trouble.
const (
	ownLife    = 397 * 24 * time.Hour
	renewEarly = 30 * 24 * time.Hour
	clockSlack = time.Hour // clients' clocks may be behind
	retryEvery = time.Hour // after a renewal that failed
)

// Keeper keeps certificate and key between runs; the key store does.
type Keeper interface {
	TLS() (certificate []byte, key crypto.Signer, err error) // fault.NotFound = none yet
	SetTLS(certificate []byte, key crypto.Signer) error
}

// Own is a certificate that the gateway signs itself.
type Own struct {
	keeper Keeper
	host   string
	now    func() time.Time
	log    *slog.Logger

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	tried   time.Time // the last time a renewal failed
}

// OpenOwn takes the certificate out of its keeper, or makes one: for host (the host
// of https.url, may be empty), localhost and the loopback addresses.
func OpenOwn(keeper Keeper, host string, now func() time.Time, log *slog.Logger) (*Own, error) {
	const op = "certs: own certificate"
	o := &Own{keeper: keeper, host: host, now: now, log: log}
	der, key, err := keeper.TLS()
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err == nil {
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		o.current = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
		if o.fits(now()) {
			return o, nil
		}
	}
	return o, fault.Wrap(fault.Internal, op, o.renew(now()))
}

// Certificate returns the certificate to show. It is for [tls.Config.GetCertificate].
func (o *Own) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if !o.fits(now) && due(now, o.tried, retryEvery) {
		if err := o.renew(now); err != nil {
			o.tried = now
			o.log.Error("the certificate of the HTTPS door could not be renewed; the one before stays", "error", err)
		}
	}
	return o.current, nil
}

// fits reports whether the certificate is for the right names and for long enough.
func (o *Own) fits(now time.Time) bool {
	leaf := o.current.Leaf
	names, addresses := o.names()
	return !now.Before(leaf.NotBefore) && now.Before(leaf.NotAfter.Add(-renewEarly)) &&
		slices.Equal(leaf.DNSNames, names) &&
		slices.EqualFunc(leaf.IPAddresses, addresses, net.IP.Equal)
}

func (o *Own) names() (names []string, addresses []net.IP) {
	names = []string{"localhost"}
	addresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	switch ip := net.ParseIP(o.host); {
	case ip != nil && !slices.ContainsFunc(addresses, ip.Equal):
		addresses = append(addresses, ip)
	case ip == nil && o.host != "" && o.host != "localhost":
		names = append([]string{o.host}, names...)
	}
	return names, addresses
}

// renew makes a certificate, and a key when there is none. The caller holds mu, or
// is alone.
func (o *Own) renew(now time.Time) error {
	var key crypto.Signer
	if o.current != nil {
		key = o.current.PrivateKey.(crypto.Signer) // the keeper gave it as one
	} else {
		made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return err
		}
		key = made
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	names, addresses := o.names()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "Sealgate " + names[0]},
		NotBefore:    now.Add(-clockSlack),
		NotAfter:     now.Add(ownLife - clockSlack),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     names,
		IPAddresses:  addresses,
		// No CA: whoever trusts this certificate trusts no other for it.
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	if err := o.keeper.SetTLS(der, key); err != nil {
		return err
	}
	o.current = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
	o.log.Info("the HTTPS door has a new certificate of the gateway's own", "certificate", Fingerprint(o.current), "until", leaf.NotAfter)
	return nil
}
