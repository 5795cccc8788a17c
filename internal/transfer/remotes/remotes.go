// Package remotes is the servers of customers that an account is connected with: what
// they are set to, how they are tried out, and when which of them is visited.
//
//	schedule ──► due ──► a place, a lease ──► pull or push (Work) ──► how it went, when next
//	                                              └ Connect: only to a server that was confirmed,
//	                                                with the secret that was given for this address
//
// A remote's name is plain; its address, folders and patterns are sealed as one text
// under the account's record key. Its password or private key is in the key store,
// bound to scheme, host, port and user: when one of them changes the secret is of no
// use any more, and what was confirmed of the server is forgotten. So nobody who may
// change an address is told the password by a server of his own.
//
// Nothing is confirmed silently: Test shows what a server proves itself by, and
// somebody says that it is right. An SFTP server that was not confirmed is not visited;
// one that speaks FTPS may be known by public authorities instead.
//
// One visit at a time is paid to a remote, under a lease with a fence; so many to all,
// so many for one account, so many to one host and to one address. It goes by what the
// remote is set to when the lease is taken; a change ends it, and so does a server that
// moves next to nothing. One that fails is left alone with growing pauses and delays no
// other.
//
// What a visit does is the business of Work. Logs and audit name account and remote,
// never a host, a path or a file.
package remotes

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remotes/address"
	"sealgate/internal/transfer/remotes/places"
)

// Options of a Service. All are needed but where said.
type Options struct {
	Catalog *catalog.Catalog
	Custody *custody.Custodian
	Keys    *keys.Store
	Guard   *dialguard.Guard
	Node    string // of this gateway: whose leases it has

	Connect Connect
	Pull    Work
	Push    Work
	// Delivered says of a file of the outbox that the account has it, with what proves it
	// and what is written in the same commit (outbox.DeliveredTo).
	Delivered func(ctx context.Context, file uuid.UUID, by string, proof map[string]string, with func(*catalog.Tx) error) error

	Places     int // visits at a time; 0 = 32
	PerAccount int // of them for one account; 0 = a quarter
	PerHost    int // of them at one host, and at one address; 0 = 4

	// Observe is told how each visit ended. It may be nil.
	Observe func(direction, outcome string, files int, took time.Duration)
	Now     func() time.Time
	Log     *slog.Logger
}

// Connect signs in on a server.
type Connect func(ctx context.Context, t Target) (remote.Session, error)

// Target is a server, and all that is needed to sign in there.
type Target struct {
	address.Address
	Secret   Secret
	Settings *Settings
	Guard    *dialguard.Guard
	Report   func(remote.Step) // may be nil
	// Reach is asked before each address that is connected to.
	Reach func(netip.Addr) error
	Now   func() time.Time
}

// Work is what one visit does. The error says why it ended before its end; what was
// done by then stands in the Result.
type Work func(ctx context.Context, v Visit) (Result, error)

// Visit is one visit to one remote, under a lease.
type Visit struct {
	Account  uuid.UUID
	Remote   uuid.UUID
	Name     string
	Fence    int64
	Dir      string // there; "" = where the sign-in leads
	Settings *Settings
	// Connect signs in; Work does so when it has something to do there, and closes the
	// session.
	Connect func(ctx context.Context) (remote.Session, error)
}

// Result is what came of a visit.
type Result struct {
	Seen    int // files that it was about
	Files   int // fetched or delivered
	Bytes   int64
	Failed  int       // files that were tried in vain
	Problem error     // the first of them; its sentence is for the customer
	Again   time.Time // there will be more to do then; zero = nothing is known of
}

// Service keeps remotes and visits them. It is safe for concurrent use.
type Service struct {
	opt    Options
	places *places.Places
	woken  chan struct{}

	work     sync.WaitGroup
	ctx      context.Context // of visits
	stop     context.CancelFunc
	mu       sync.Mutex
	underWay map[uuid.UUID]*underWay // by remote
	setting  sync.Mutex              // one change at a time: a remote is a row and a secret
}

// New returns a service of these stores; Run makes it work.
func New(opt Options) *Service {
	if opt.Observe == nil {
		opt.Observe = func(string, string, int, time.Duration) {}
	}
	if opt.Places == 0 {
		opt.Places = 32
	}
	if opt.PerAccount == 0 {
		opt.PerAccount = max(1, opt.Places/4)
	}
	if opt.PerHost == 0 {
		opt.PerHost = 4
	}
	s := &Service{opt: opt, places: places.New(opt.Places, opt.PerAccount, opt.PerHost, opt.Now), woken: make(chan struct{}, 1), underWay: map[uuid.UUID]*underWay{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Wake makes Run look at once.
func (s *Service) Wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// Remote is one remote, opened.
type Remote struct {
	table.Remote
	Settings *Settings // nil: sealed under a key that is not here
	// What the key store has for its address.
	Password, Key bool
}

// List returns the remotes of an account by name.
func (s *Service) List(ctx context.Context, account string) ([]*Remote, error) {
	acct, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	var rows []*table.Remote
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		rows, err = tx.Remotes(acct.ID)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "remotes: list", err)
	}
	list := make([]*Remote, 0, len(rows))
	for _, row := range rows {
		r, err := s.open(ctx, row)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// Find returns an account's remote of this name.
func (s *Service) Find(ctx context.Context, account, name string) (*Remote, error) {
	acct, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	var row *table.Remote
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		row, err = tx.RemoteByName(acct.ID, name)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "remotes: find", "the account has no remote of that name")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "remotes: find", err)
	}
	return s.open(ctx, row)
}

// Runs returns up to limit runs of a remote, the newest first. Those that found nothing
// to do are not remembered.
func (s *Service) Runs(ctx context.Context, account, name string, limit int) (list []*Run, err error) {
	r, err := s.Find(ctx, account, name)
	if err != nil {
		return nil, err
	}
	var rows []*table.Run
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		rows, err = tx.RemoteRuns(r.ID, limit)
		return err
	})
	for _, row := range rows {
		list = append(list, s.openRun(ctx, &r.Remote, row))
	}
	return list, fault.Wrap(fault.Internal, "remotes: runs", err)
}

// Run is one visit, opened.
type Run struct {
	table.Run
	Message string // what went wrong, as a sentence; "" = nothing, or it is sealed under a key that is not here
}

func (s *Service) openRun(ctx context.Context, r *table.Remote, row *table.Run) *Run {
	run := &Run{Run: *row}
	if len(row.Message) == 0 {
		return run
	}
	if rec, err := s.opt.Custody.Records(ctx, r.Account); err == nil {
		if text, err := rec.Open("remote_run", "message", row.ID, row.Message); err == nil {
			run.Message = string(text)
		}
	}
	return run
}

// account finds an account that can have remotes.
func (s *Service) account(ctx context.Context, name string) (acct *catalog.Account, err error) {
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		acct, err = tx.AccountByName(name)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && name == catalog.SystemAccount {
		return nil, fault.New(fault.NotFound, "remotes", "there is no such account")
	}
	return acct, fault.Wrap(fault.Internal, "remotes: account", err)
}
