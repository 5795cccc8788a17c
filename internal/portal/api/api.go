// Package api answers /api/v1, the one interface of the gateway: the command line
// speaks it over the control socket, the portal and other programs over HTTPS.
//
// Who may ask for an operation stands in package access, what happens to every
// request in package operation. Here are the operations, in files by what they are
// about; those on accounts, keys and notices, and the overviews, have rooms of their
// own (accountapi, keyapi, notifyapi, overview). Who runs the gateway sees
// contents and payees of an account only as far as the account allows it (access.go),
// and each use is an audit entry before it is an answer. Handlers hold no other rule:
// they turn requests into calls and results into the shapes of package portal.
package api

import (
	"context"
	"log/slog"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/account/oidc"
	"sealgate/internal/custody"
	"sealgate/internal/indexer"
	"sealgate/internal/keys"
	"sealgate/internal/notify"
	"sealgate/internal/notify/letter"
	"sealgate/internal/portal"
	"sealgate/internal/portal/accountapi"
	"sealgate/internal/portal/events"
	"sealgate/internal/portal/keyapi"
	"sealgate/internal/portal/notifyapi"
	"sealgate/internal/portal/operation"
	"sealgate/internal/portal/overview"
	"sealgate/internal/receipt"
	"sealgate/internal/reseal"
	"sealgate/internal/retention"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/outbox"
)

// Services are the parts that the API speaks for.
type Services struct {
	Accounts  *account.Service
	SSO       *oidc.Service
	Catalog   *catalog.Catalog
	Custody   *custody.Custodian
	Keys      *keys.Store
	Databases *accountdb.Pool
	Bodies    *bodies.Bodies
	Indexer   *indexer.Indexer
	Intake    *intake.Intake
	Outbox    *outbox.Outbox
	Receipts  *receipt.Office
	Resealer  *reseal.Resealer
	Clock     *retention.Clock
	Notices   *notify.Notices
	Letters   *letter.Office // nil: one-time links are shown, not sent
	Machine   Machine
	Now       func() time.Time
	Log       *slog.Logger
	// ExportKeys is false when the gateway never lets a key out.
	ExportKeys bool
	Version    string
}

// Machine does what touches files of the machine that the gateway runs on. Only who is
// on that machine (the control socket) may ask for copies and for another master key.
type Machine interface {
	Backup(ctx context.Context, dir string, progress func(done, total int64)) error
	RotateMaster(ctx context.Context, passphrase []byte) error
	Room() (free, total int64, err error) // on the disk of the data directory
	Examine() []portal.Finding
}

// API is the handlers over the services, in their router.
type API struct {
	*operation.Router
	Services
	Events *events.Hub // to be run as long as streams are to be answered
	Opens  int         // how many names are opened for one page of a search
	copier copier

	patience time.Duration // waitStill
	looks    looks
}

// New registers all operations.
func New(s Services) *API {
	a := &API{Services: s, Opens: maxOpened, patience: waitStill, Router: operation.New(operation.Options{Catalog: s.Catalog, Records: s.Custody, Now: s.Now, Log: s.Log, Version: s.Version})}
	a.files()
	a.contents()
	a.payments()
	a.gateway()
	a.health()
	accountapi.Register(a.Router, accountapi.Services{Accounts: s.Accounts, SSO: s.SSO, Catalog: s.Catalog, Custody: s.Custody, Letters: s.Letters, Now: s.Now})
	a.Events = events.New(s.Catalog, s.Log)
	a.Events.Register(a.Router)
	keyapi.Register(a.Router, keyapi.Services{
		Accounts: s.Accounts, Catalog: s.Catalog, Custody: s.Custody, Indexer: s.Indexer, Resealer: s.Resealer, Now: s.Now, ExportKeys: s.ExportKeys,
	})
	notifyapi.Register(a.Router, notifyapi.Services{Accounts: s.Accounts, Catalog: s.Catalog, Notices: s.Notices})
	overview.Register(a.Router, overview.Services{Accounts: s.Accounts, Catalog: s.Catalog, Custody: s.Custody, Now: s.Now, Room: s.Machine.Room, Version: s.Version})
	return a
}
