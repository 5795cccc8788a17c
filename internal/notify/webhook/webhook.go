// Package webhook tells programs of an account what happens to its files, and what
// its alarms are: each event is one signed POST to an address that the account has
// named.
//
// Events are made of the audit log: every entry has a number, and one cursor says up
// to where entries were turned into deliveries. Both are in the catalog, moved in one
// transaction, so that a crash neither loses nor doubles a delivery. One that was sent
// and not noted is sent again: receivers tell an event by its id.
//
// A delivery holds no payload. It is made when it is sent, of the file as it is then,
// so that nothing lies in the queue that the account's keys should protect.
//
// A webhook has one delivery under way at a time, the oldest first. Who gives no
// answer, or says that he is overloaded, is left alone with growing pauses, and his
// deliveries wait in order. An event that is answered and refused is tried again later,
// and those behind it go ahead. What was not taken for 24 hours has failed; who has
// taken nothing for 5 days is sent nothing more until somebody switches it on again.
//
// Addresses are reached through the dial guard: by HTTPS, or by plain HTTP in networks
// that who runs the gateway has allowed. Redirects are not followed. No address is
// logged.
//
// A webhook that an operator has added to an account is told nothing while the account
// does not let operators see its contents.
package webhook

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/dialguard"
	"sealgate/internal/keys"
	"sealgate/internal/store/catalog"
)

const (
	pollEvery    = time.Second
	sweepEvery   = time.Hour
	answerWithin = 10 * time.Second
	maxUnderWay  = 64 // deliveries at a time, of all webhooks

	tryFor       = 24 * time.Hour
	failFor      = 5 * 24 * time.Hour  // after which a webhook is switched off
	rememberFor  = 30 * 24 * time.Hour // deliveries that have ended
	oldSecretFor = 24 * time.Hour
	testEvery    = 5 * time.Second // of one webhook
)

// Options of a Service.
type Options struct {
	Catalog *catalog.Catalog
	Custody *custody.Custodian
	Keys    *keys.Store
	Guard   *dialguard.Guard
	// Alarm is what is told of an alarm.
	Alarm func(ctx context.Context, id uuid.UUID) (any, error)
	// Observe is told how each attempt ended: "ok" or a code word. It may be nil.
	Observe func(outcome string)
	Now     func() time.Time
	// Trusted tells whether Now is to be believed: what ends for good waits until it
	// is. nil = always.
	Trusted func() bool
	Log     *slog.Logger
	Version string
	Roots   *x509.CertPool // nil = those of the machine
}

// Service keeps webhooks and sends to them. It is safe for concurrent use.
type Service struct {
	opt     Options
	secure  *http.Client
	plain   *http.Client // for networks that are allowed
	woken   chan struct{}
	places  chan struct{} // one for each delivery that may be under way
	sending sync.WaitGroup

	at int64 // the cursor, where it is not worth a commit; Round's alone

	rotating sync.Mutex // held while a webhook gets a new secret

	mu     sync.Mutex
	busy   map[uuid.UUID]bool // webhooks that a goroutine sends to
	tested map[uuid.UUID]bool // webhooks that are sent a test event
}

// New returns a service of these stores; Run makes it work.
func New(opt Options) *Service {
	if opt.Observe == nil {
		opt.Observe = func(string) {}
	}
	if opt.Trusted == nil {
		opt.Trusted = func() bool { return true }
	}
	client := func(g *dialguard.Guard) *http.Client {
		t := g.Transport(answerWithin)
		t.TLSClientConfig.RootCAs = opt.Roots
		t.DisableKeepAlives = true // events are rare, and what is reused was not looked at again
		return &http.Client{Transport: t, Timeout: answerWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return &Service{
		opt: opt, secure: client(opt.Guard), plain: client(opt.Guard.Inner()),
		woken: make(chan struct{}, 1), places: make(chan struct{}, maxUnderWay), busy: map[uuid.UUID]bool{}, tested: map[uuid.UUID]bool{},
	}
}

// Wake makes Run look at once: somebody has added something.
func (s *Service) Wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// Run turns events into deliveries and sends them until ctx ends. Attempts that are
// under way then are cut, and made again after the next start.
func (s *Service) Run(ctx context.Context) error {
	defer s.sending.Wait()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		if err := s.Round(ctx); err != nil && ctx.Err() == nil {
			s.opt.Log.Warn("webhooks", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-s.woken:
		case <-sweep.C:
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.opt.Log.Warn("webhooks not swept", "err", err)
			}
		}
	}
}

// Round takes up what has happened, and begins to send what is due. One runs at a time.
func (s *Service) Round(ctx context.Context) error {
	if err := s.follow(ctx); err != nil {
		return err
	}
	all, err := s.all(ctx)
	if err != nil {
		return err
	}
	return s.dispatch(ctx, all)
}

// Wait returns when nothing is under way any more.
func (s *Service) Wait() { s.sending.Wait() }
