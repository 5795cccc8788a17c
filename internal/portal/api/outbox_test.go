package api

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/httpd"
	"sealgate/internal/portal/httpd/certs"
	"sealgate/internal/portal/operation"
)

// keeper keeps a certificate for as long as a test runs.
type keeper struct {
	certificate []byte
	key         crypto.Signer
}

func (k *keeper) TLS() ([]byte, crypto.Signer, error) {
	if k.key == nil {
		return nil, nil, fault.New(fault.NotFound, "test", "none yet")
	}
	return k.certificate, k.key, nil
}

func (k *keeper) SetTLS(certificate []byte, key crypto.Signer) error {
	k.certificate, k.key = certificate, key
	return nil
}

// A program of an operator sends to an outbox by HTTPS what the command line sends,
// of any size.
func TestAnOutboxTakesLargeFilesByHTTPS(t *testing.T) {
	h := newHouse(t)
	h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: "acme"}, nil)
	log := slog.New(slog.DiscardHandler)
	own, err := certs.OpenOwn(&keeper{}, "localhost", time.Now, log)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := own.Certificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(shown.Leaf)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	operator := access.Caller{Actor: "token:x", Name: "x", Operator: true}
	door := httpd.New(httpd.Options{Certificates: own, API: h.api.Handler(operator), Streams: []string{SendPattern}, Log: log, Now: time.Now})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- door.Run(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS13}}}
	defer func() {
		client.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	resp, err := client.Post("https://"+l.Addr().String()+operation.Prefix+"/accounts/acme/outbox?name=large.xml", octets, bytes.NewReader(make([]byte, 2<<20)))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	var waiting []struct{ Size int64 }
	h.want(http.StatusOK, "GET", "/accounts/acme/outbox", nil, &waiting)
	if resp.StatusCode != http.StatusCreated || len(waiting) != 1 || waiting[0].Size != 2<<20 {
		t.Errorf("%d %s; %+v waits", resp.StatusCode, text, waiting)
	}
}
