// Package wire speaks the Connect protocol to one gateway: it signs and seals what
// goes up, believes only what the pinned identity has signed, and finds a way through
// the proxies that offices have.
//
//   - Every answer, refusals included, is verified before anybody acts on it. What is
//     not signed (a proxy's login page, a stranger) is like a broken connection:
//     Explain says so, and it is tried again.
//   - Over https the certificate must be valid for the machine's authorities or those
//     given, or be one that the gateway's identity vouches for in its signed document.
//   - A gateway that was started anew, changed its ingest key, or has another idea of
//     the time, says so signed; the call is made again without its caller's help.
//
// A Client is safe for concurrent use. It does not try again after a connection that
// broke: how often and how soon is its caller's to decide (Backoff).
package wire

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Options say which gateway, and which way to it.
type Options struct {
	Gateway   string           // URL
	Peer      *connect.Peer    // who speaks; without keys only documents and enrolments work
	Pinned    connect.Identity // whom it believes
	Proxy     string           // URL, "direct", or empty: as the environment and the system say
	CA        []byte           // PEM of authorities to believe besides the system's
	Bandwidth int64            // bytes a second of what is sent; 0 = no limit
	Now       func() time.Time
}

// Client speaks to one gateway.
type Client struct {
	base   *url.URL
	peer   *connect.Peer
	pinned connect.Identity
	now    func() time.Time
	limit  *rate.Limiter

	verified *http.Client // believes in certificates
	open     *http.Client // takes any; for what is signed and public
	pins     pins

	mu     sync.Mutex
	doc    *connect.Gateway // nil until it was asked for, or when it may be stale
	ingest hpke.PublicKey
	offset time.Duration // what the gateway's clock is ahead of ours
}

const (
	callTime = 2 * time.Minute  // for a small request and its answer
	partTime = 10 * time.Minute // for a part, at the slowest bandwidth that can be set
	attempts = 4                // of one call, when the gateway says what to do otherwise

	tolerance = 30 * time.Second // of clocks
)

// New makes a client; it says nothing yet.
func New(o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(o.Gateway, "/"))
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" {
		return nil, fault.New(fault.Invalid, "wire: new", "%q is no address like https://gateway.example.com", o.Gateway)
	}
	c := &Client{base: base, peer: o.Peer, pinned: o.Pinned, now: o.Now}
	if o.Bandwidth > 0 {
		c.limit = rate.NewLimiter(rate.Limit(o.Bandwidth), burst)
	}
	via, err := proxyOf(o.Proxy)
	if err != nil {
		return nil, err
	}
	if c.verified, err = newHTTP(via, o.CA, &c.pins); err != nil {
		return nil, err
	}
	c.open, err = newHTTP(via, nil, nil)
	return c, err
}

// Close lets go of idle connections.
func (c *Client) Close() {
	c.verified.CloseIdleConnections()
	c.open.CloseIdleConnections()
}

func (c *Client) url(path, query string) *url.URL {
	u := *c.base
	u.Path, u.RawQuery = u.Path+path, query
	return &u
}

// Gateway asks for the gateway's document, whatever was known before. It is asked
// for over a connection that takes any certificate: the identity signs it, and in it
// vouches for the certificates that the gateway shows.
func (c *Client) Gateway(ctx context.Context) (*connect.Gateway, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	u := c.url(connect.PathGateway, connect.Ask())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "wire: gateway", err)
	}
	status, h, body, err := do(c.open, r)
	if err != nil {
		return nil, err
	}
	doc, err := connect.ReadGateway(c.pinned, u, status, h, body)
	if err != nil {
		return nil, err
	}
	return doc, c.adopt(doc)
}

// adopt believes a document that the identity has signed.
func (c *Client) adopt(doc *connect.Gateway) error {
	if connect.IdentityOf(ed25519.PublicKey(doc.Identity)) != c.pinned {
		return fault.New(fault.Denied, "wire: gateway", "this is another gateway than the one that this Connect was enrolled at")
	}
	ingest, err := connect.ReceiveKey(doc.IngestKey)
	if err != nil {
		return err
	}
	if !contains(doc.Versions, connect.Version) {
		return fault.New(fault.Invalid, "wire: gateway", "the gateway speaks versions %v of the protocol, this Connect version %d", doc.Versions, connect.Version)
	}
	c.pins.set(doc.TLSPins)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doc, c.ingest = doc, ingest
	c.setClock(doc.Time)
	return nil
}

func contains(all []int, n int) bool {
	for _, v := range all {
		if v == n {
			return true
		}
	}
	return false
}

// setClock notes what the gateway's clock shows; c.mu is held. What is less than the
// tolerance off is the way's delay.
func (c *Client) setClock(gateway time.Time) {
	c.offset = gateway.Sub(c.now())
	if c.offset.Abs() < tolerance {
		c.offset = 0
	}
}

// Offset is what the gateway's clock is ahead of ours; 0 when they agree.
func (c *Client) Offset() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Known is the gateway's document, asked for if nobody has yet.
func (c *Client) Known(ctx context.Context) (*connect.Gateway, error) {
	c.mu.Lock()
	doc := c.doc
	c.mu.Unlock()
	if doc != nil {
		return doc, nil
	}
	return c.Gateway(ctx)
}

// Epoch names the process of the gateway that was spoken to last.
func (c *Client) Epoch() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.doc == nil {
		return ""
	}
	return c.doc.Epoch
}

func (c *Client) state() (doc *connect.Gateway, ingest hpke.PublicKey, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.doc, c.ingest, c.now().Add(c.offset)
}

// Ingest is the key that requests are sealed for, and that grants are made for.
type Ingest struct {
	Key         hpke.PublicKey
	Fingerprint []byte
}

// Message makes a message for the ingest key that it will be sealed for.
type Message func(Ingest) (any, error)

// Say is a message that does not depend on the ingest key.
func Say(m any) Message { return func(Ingest) (any, error) { return m, nil } }

// Call says something and reads the answer, both sealed. tail is sealed already and
// stands behind the message.
func (c *Client) Call(ctx context.Context, path string, m Message, tail []byte, answer any) error {
	return c.try(ctx, func(doc *connect.Gateway, ingest hpke.PublicKey, now time.Time) error {
		fp := seal.AccessKeyFingerprint(ingest)
		said, err := m(Ingest{ingest, fp[:]})
		if err != nil {
			return err
		}
		body, err := connect.SealRequest(ingest, path, c.peer.Agent, said, tail)
		if err != nil {
			return err
		}
		sent, status, h, got, err := c.send(ctx, c.peer.Sign, http.MethodPost, path, "", body, doc.Epoch, now)
		if err != nil {
			return err
		}
		return sent.Open(status, h, got, answer)
	})
}

// Put sends a part of a sealed object. It is signed by its slots; when the gateway does
// not believe that, byte for byte: then the gateway can tell a part that was changed on
// its way from one that was sealed wrongly, and says connect.Damaged of the latter.
func (c *Client) Put(ctx context.Context, path string, offset int64, part []byte, answer any) error {
	sign := c.peer.SignSlots
	return c.try(ctx, func(doc *connect.Gateway, _ hpke.PublicKey, now time.Time) error {
		sent, status, h, got, err := c.send(ctx, sign, http.MethodPut, path, "offset="+strconv.FormatInt(offset, 10), part, doc.Epoch, now)
		if err == nil {
			err = sent.Open(status, h, got, answer)
		}
		if p := (*connect.Problem)(nil); errors.As(err, &p) && p.Reason() == connect.BadSignature {
			sign = c.peer.Sign
		}
		return err
	})
}

// Get fetches a part of a sealed object, which is authentic by itself.
func (c *Client) Get(ctx context.Context, path string, offset int64) (part []byte, err error) {
	err = c.try(ctx, func(doc *connect.Gateway, _ hpke.PublicKey, now time.Time) error {
		sent, status, h, got, err := c.send(ctx, c.peer.Sign, http.MethodGet, path, "offset="+strconv.FormatInt(offset, 10), nil, doc.Epoch, now)
		if err != nil {
			return err
		}
		part, err = sent.Read(status, h, got)
		return err
	})
	return part, err
}

// Post sends a body that is neither signed nor sealed and returns the answer, of
// which a refusal is believed when the gateway has signed it: for enrolment.
func (c *Client) Post(ctx context.Context, path string, body []byte, identity ed25519.PublicKey) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	u := c.url(path, connect.Ask())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "wire: post", err)
	}
	r.Header.Set("Content-Type", "application/json")
	status, h, got, err := do(c.open, r)
	if err != nil {
		return nil, err
	}
	return connect.Asked(u, identity).Read(status, h, got)
}

// try makes a call, again when the gateway says what to do otherwise.
func (c *Client) try(ctx context.Context, call func(*connect.Gateway, hpke.PublicKey, time.Time) error) error {
	var last error
	for range attempts {
		if _, err := c.Known(ctx); err != nil {
			return err
		}
		doc, ingest, now := c.state()
		err := call(doc, ingest, now)
		var p *connect.Problem
		if !errors.As(err, &p) {
			if errors.As(err, new(*untrusted)) && c.revouch(ctx, doc) {
				last = err
				continue
			}
			return err
		}
		last = err
		switch p.Reason() {
		case connect.StaleEpoch, connect.IngestKeyExpired:
			if p.Gateway == nil {
				return err
			}
			if err := c.adopt(p.Gateway); err != nil {
				return err
			}
		case connect.ClockOff:
			if p.Time == nil {
				return err
			}
			c.mu.Lock()
			c.setClock(*p.Time)
			c.mu.Unlock()
		case connect.Replayed, connect.BadSignature: // a proxy has asked twice, or changed a header: once more, signed anew
		default:
			return err
		}
	}
	return last
}

// revouch asks which certificates the gateway shows now, and reports whether that
// changed: it has a new one.
func (c *Client) revouch(ctx context.Context, before *connect.Gateway) bool {
	doc, err := c.Gateway(ctx)
	if err != nil || len(doc.TLSPins) == 0 {
		return false
	}
	return !samePins(doc.TLSPins, before.TLSPins)
}

func samePins(a, b [][]byte) bool {
	return bytes.Equal(bytes.Join(a, nil), bytes.Join(b, nil))
}

// signer signs a request.
type signer func(r *http.Request, body []byte, epoch string, now time.Time) *connect.Sent

// send signs and sends one request.
func (c *Client) send(ctx context.Context, sign signer, method, path, query string, body []byte, epoch string, now time.Time) (*connect.Sent, int, http.Header, []byte, error) {
	limit := callTime
	if len(body) > connect.MaxEnvelope || method == http.MethodGet {
		limit = partTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, c.url(path, query).String(), c.paced(ctx, body))
	if err != nil {
		return nil, 0, nil, nil, fault.Wrap(fault.Invalid, "wire: send", err)
	}
	if body != nil {
		r.ContentLength = int64(len(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(c.paced(ctx, body)), nil }
		r.Header.Set("Content-Type", "application/octet-stream")
	}
	sent := sign(r, body, epoch, now)
	status, h, got, err := do(c.verified, r)
	return sent, status, h, got, err
}

// do sends a request and reads the whole answer.
func do(client *http.Client, r *http.Request) (int, http.Header, []byte, error) {
	const op = "wire: send"
	resp, err := client.Do(r)
	if err != nil {
		return 0, nil, nil, fault.Wrap(fault.TryLater, op, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, connect.MaxAnswer+1))
	if err != nil {
		return 0, nil, nil, fault.Wrap(fault.TryLater, op, err)
	}
	if len(body) > connect.MaxAnswer {
		return 0, nil, nil, fault.New(fault.Damaged, op, "the answer is longer than any of the gateway's")
	}
	return resp.StatusCode, resp.Header, body, nil
}
