package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/drawer"
	"sealgate/internal/metrics"
	"sealgate/internal/notify/letter"
	"sealgate/internal/portal/api"
	"sealgate/internal/portal/httpd"
	"sealgate/internal/portal/httpd/certs"
	"sealgate/internal/portal/signon"
	pages "sealgate/internal/portal/web"
	"sealgate/internal/statement"
	"sealgate/internal/store/catalog"
)

// web is the HTTPS door, and the plain one that leads to it.
type web struct {
	server      *httpd.Server
	redirects   httpd.Redirects
	agents      bool        // are let in by the plain one, too
	renewal     *certs.ACME // nil: no authority is asked
	fingerprint string      // of the certificate that clients are shown now
}

// behindHTTPS is what answers behind the HTTPS door.
type behindHTTPS struct {
	connect http.Handler // agents
	api     http.Handler // below /api/v1/; nil lets nobody in
	pages   http.Handler // everything else; nil = there are no pages
	streams []string     // patterns of requests with bodies of any size
}

// webDoor builds the HTTPS door; nil when there is to be none.
func (a *app) webDoor(s *stores, log *slog.Logger, counts *metrics.Set, source httpd.Certificates, behind behindHTTPS) (*web, error) {
	if source == nil {
		return nil, nil
	}
	host := s.cfg.HTTPS.Host()
	shown, err := source.Certificate(nil)
	if err != nil {
		return nil, err
	}
	identity, err := identityOf(s.keys)
	if err != nil {
		return nil, err
	}
	renewal, _ := source.(*certs.ACME)
	var protocols []string
	if renewal != nil {
		protocols = renewal.Protocols()
	}
	return &web{
		renewal: renewal,
		server: httpd.New(httpd.Options{
			Certificates: source, Protocols: protocols, Host: host, Connect: behind.connect, API: behind.api, Web: behind.pages, Streams: behind.streams, Ready: a.readyFor(s), Identity: identity,
			Now: a.Now, Log: log, Metrics: counts,
		}),
		redirects:   httpd.Redirects{To: s.cfg.HTTPS.URL, Log: log},
		agents:      s.cfg.HTTP.Connect,
		fingerprint: certs.Fingerprint(shown),
	}, nil
}

// address is what a browser on this machine, or wherever https.url leads, calls the
// door.
func (w *web) address(bound net.Addr) string {
	if w.redirects.To != "" {
		return strings.TrimSuffix(w.redirects.To, "/")
	}
	host, port, err := net.SplitHostPort(bound.String())
	if err != nil {
		return "https://" + bound.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return "https://" + net.JoinHostPort(host, port)
}

// portal is signing in, and the pages behind it, which ask the API as whoever has
// signed in.
func (a *app) portal(s *stores, log *slog.Logger, control *api.API, letters *letter.Office) *signon.Handler {
	return signon.New(signon.Options{
		People: s.accounts.People, Letters: letters, SSO: control.SSO, Pages: pages.New(pages.Options{API: control.Inside(), Now: a.Now, Log: log}),
		Issuer: cmp.Or(s.cfg.HTTPS.Host(), "Sealgate"), Now: a.Now, Log: log,
	})
}

// parts are the listening ones.
func (w *web) parts(ls *listeners) []part {
	var list []part
	if w != nil {
		list = append(list, part{"https", func(ctx context.Context) error { return w.server.Run(ctx, ls.https) }})
		if w.renewal != nil {
			list = append(list, part{"certificate", w.renewal.Run})
		}
		if ls.http != nil {
			list = append(list, part{"http", func(ctx context.Context) error {
				if w.agents {
					return w.server.RunPlain(ctx, ls.http, w.redirects)
				}
				return w.redirects.Run(ctx, ls.http)
			}})
		}
	}
	return list
}

// certificates is where the certificate comes from: files, an authority, or the
// gateway itself; nil when there is to be no HTTPS door.
func (a *app) certificates(s *stores, log *slog.Logger) (httpd.Certificates, error) {
	if s.cfg.HTTPS.Listen == "" {
		return nil, nil
	}
	host := s.cfg.HTTPS.Host()
	if s.cfg.HTTPS.Certificate != "" {
		return certs.OpenFiles(s.cfg.HTTPS.Certificate, s.cfg.HTTPS.CertificateKey, a.Now, log)
	}
	own, err := certs.OpenOwn(s.keys, host, a.Now, log)
	if err != nil || s.cfg.HTTPS.ACME == "" {
		return own, err
	}
	kept, err := s.acmeKeys()
	if err != nil {
		return nil, err
	}
	return certs.OpenACME(certs.ACMEOptions{
		Host: host, Email: s.cfg.HTTPS.ACME, Directory: s.cfg.HTTPS.ACMEDirectory,
		Vault: kept, Own: own, Now: a.Now, Log: log,
	})
}

// acmeKeys keeps the keys of the gateway's certificate in the key store, with the secrets
// of the built-in account.
func (s *stores) acmeKeys() (drawer.Drawer, error) {
	d := drawer.Drawer{Keys: s.keys, Kind: "acme"}
	err := s.catalog.View(context.Background(), func(tx *catalog.Tx) error {
		acct, err := tx.AccountByName(catalog.SystemAccount)
		if err == nil {
			d.Account = acct.ID
		}
		return err
	})
	return d, fault.Wrap(fault.Internal, "serve: built-in account", err)
}

func identityOf(store *keys.Store) (httpd.Identity, error) {
	public := store.Identity().Public().(ed25519.PublicKey)
	key, err := note.NewEd25519VerifierKey("sealgate", public)
	if err != nil {
		return httpd.Identity{}, fault.Wrap(fault.Internal, "serve: identity", err)
	}
	return httpd.Identity{Fingerprint: statement.Fingerprint(public), Key: key, Version: version}, nil
}

const probedSetting = "probed"

// readyFor tells whether a file could be taken in: the catalog can be written, and
// there is a key of the day.
func (a *app) readyFor(s *stores) func(context.Context) error {
	return func(ctx context.Context) error {
		if len(s.keys.IngestKeys()) == 0 {
			return fault.New(fault.Locked, "ready", "there is no key of the day")
		}
		return s.catalog.Update(ctx, func(tx *catalog.Tx) error {
			return tx.SetSetting(probedSetting, a.Now().UTC().Format("2006-01-02T15:04:05Z"))
		})
	}
}
