// Package connectd is the door that agents knock on: /connect/v1, over HTTPS and,
// where it is wanted, over plain HTTP.
//
//	signature ─ agent ─ for this gateway, now ─ new ─ place ─ body ─ still ─ envelope ─ operation ─ sealed, signed answer
//
// Nothing is done before all of these hold, in this order. So who is no agent costs
// one look at a row and one verification of a signature, and the body of a request is
// held in memory for agents only, a few of each account at a time. Who is revoked while
// a body comes is refused at its end.
//
// Of a part no more than nonces and tags of its slots needs to be signed. Such a one is
// believed when its slots open; that is looked at in intake, before anything is stored.
//
// A nonce is used up by a request that is believed whole, and by no other: nobody
// can use up those of an agent. A request that was recorded is refused while it is
// under way or remembered, and later because it is old; after a restart, because it
// names another epoch.
//
// Every answer is signed, refusals too: an agent believes no others. Package connect
// has the protocol, docs/connect-protocol.md its description. What is done is done by
// others: account/agents says who may come, intake takes files, outbox gives them.
package connectd

import (
	"crypto/ed25519"
	"log/slog"
	"net/http"
	"time"

	"sealgate/internal/account/agents"
	"sealgate/internal/connect"
	"sealgate/internal/custody"
	"sealgate/internal/limit"
	"sealgate/internal/portal/fair"
	"sealgate/internal/receipt"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/outbox"
)

// Options are the parts of a Door.
type Options struct {
	Identity ed25519.PrivateKey
	Pins     func() [][]byte // SHA-256 of the public key that the HTTPS door shows now; none without one
	Agents   *agents.Service
	Catalog  *catalog.Catalog
	Custody  *custody.Custodian
	Intake   *intake.Intake
	Receipts *receipt.Office
	Outbox   *outbox.Outbox
	Bodies   *bodies.Bodies

	// Observe is told of each request: its operation, how it went ("ok", or the reason of
	// a refusal), and how many bytes its body and its answer had. May be nil.
	Observe func(operation, result string, in, out int64)

	Now func() time.Time
	Log *slog.Logger
}

// Door answers what is below connect.Prefix. It is safe for concurrent use.
type Door struct {
	Options
	mux     *http.ServeMux
	memory  *memory
	places  *fair.Places // requests under way, of each account
	large   *fair.Places // those of them with large bodies
	enrols  *fair.Places // of strangers
	tries   *limit.Limiter
	rejects *limit.Limiter // lines in the log about who was not believed
	acts    *limit.Limiter // of an agent, that are put on record
	beats   *limit.Limiter // of an agent, that are kept
	denials *limit.Limiter // of an agent that may not, that are put on record
	wrongs  *limit.Limiter // lines in the log about what an agent has sealed wrongly
	reads   reads

	passTime time.Duration
}

// Bounds of what is under way at a time. Bodies are held in memory: at most 272 MiB of
// large ones and 64 MiB of others.
const (
	placesEach = 64 // requests of one account
	placesAll  = 512
	largeEach  = 16 // those of them that bring more than largeBody
	largeAll   = 64
	largeBody  = 128 << 10
	enrolsEach = 2 // of one network
	enrolsAll  = 16
)

// enrolRate is how often one network may try to enrol.
var enrolRate = limit.Rate{Burst: 20, Every: 10 * time.Second}

// What one agent has the gateway write: entries in the audit log, which nothing prunes,
// and reports.
var (
	actRate  = limit.Rate{Burst: 500, Every: 200 * time.Millisecond}
	beatRate = limit.Rate{Burst: 10, Every: 10 * time.Second}
)

// New returns the door of this process: its epoch begins.
func New(opt Options) *Door {
	d := &Door{
		Options: opt, mux: http.NewServeMux(), memory: newMemory(), passTime: passTime,
		places: fair.NewPlaces(placesEach, placesAll).Spare(placesAll / 4), large: fair.NewPlaces(largeEach, largeAll).Spare(largeAll / 4), enrols: fair.NewPlaces(enrolsEach, enrolsAll), tries: limit.New(enrolRate, opt.Now),
		rejects: limit.New(limit.Rate{Burst: 10, Every: time.Minute}, opt.Now), wrongs: limit.New(limit.Rate{Burst: 10, Every: time.Minute}, opt.Now),
		acts: limit.New(actRate, opt.Now), beats: limit.New(beatRate, opt.Now), denials: limit.New(limit.Rate{Burst: 1, Every: time.Hour}, opt.Now),
	}
	const file = "/{file}/"
	for _, o := range []struct {
		name, pattern string
		do            http.Handler
	}{
		{"gateway", "GET " + connect.PathGateway, unsigned(d.gateway)},
		{"enroll", "POST " + connect.PathEnroll, unsigned(d.enroll)},
		{"account", "POST " + connect.PathAccount, enveloped(d, "", d.account)},
		{"heartbeat", "POST " + connect.PathHeartbeat, enveloped(d, "", d.heartbeat)},
		{"known", "POST " + connect.PathKnown, enveloped(d, connect.RightSend, d.known)},
		{"begin", "POST " + connect.PathDeliveries, enveloped(d, connect.RightSend, d.begin)},
		{"whole", "POST " + connect.PathWhole, enveloped(d, connect.RightSend, d.whole)},
		{"part", "PUT " + connect.PathDeliveries + file + "parts", d.handler(connect.RightSend, true, d.part)},
		{"commit", "POST " + connect.PathDeliveries + file + "commit", enveloped(d, connect.RightSend, d.commit)},
		{"outbox", "POST " + connect.PathOutbox, enveloped(d, connect.RightFetch, d.waiting)},
		{"open", "POST " + connect.PathOutbox + file + "open", enveloped(d, connect.RightFetch, d.openWaiting)},
		{"outbox-body", "GET " + connect.PathOutbox + file + "body", d.signed(connect.RightFetch, d.waitingBody)},
		{"ack", "POST " + connect.PathOutbox + file + "ack", enveloped(d, connect.RightFetch, d.ack)},
		{"kept", "POST " + connect.PathKept, enveloped(d, connect.RightOpen, d.kept)},
		{"share", "POST " + connect.PathKept + file + "share", enveloped(d, connect.RightOpen, d.keptShare)},
		{"kept-body", "GET " + connect.PathKept + file + "body", d.signed(connect.RightOpen, d.keptBody)},
		{"none", "/", unsigned(func(w http.ResponseWriter, r *http.Request) {
			d.refuse(w, r, nil, connect.Refuse(connect.NotFound, "There is no such operation in version 1 of the protocol."))
		})},
	} {
		d.mux.Handle(o.pattern, d.counted(o.name, o.do))
	}
	return d
}

// unsigned is for what looks at no signature: the headers of one count for nothing.
// Somebody may have taken them from a request of an agent, who is to believe no answer
// to anything else.
func unsigned(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { do(w, connect.Unsigned(r)) }
}

// ServeHTTP implements http.Handler.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

// identity is the public half.
func (d *Door) identity() ed25519.PublicKey { return d.Identity.Public().(ed25519.PublicKey) }
