// Package account keeps accounts, their logins and operators. Who of them may
// sign in is decided by its package signin, which every Service has inside.
//
// Usernames are unique in the gateway. The catalog holds each one sealed with
// the account's record key, beside an HMAC of its folded form under the
// gateway's username index key, by which a sign-in finds it. So a stolen catalog
// names nobody, and guessing needs the key store.
//
// When an account's last certificate is removed nobody can read those names any
// more (custody): its logins are listed without them, nobody signs in, and a
// list of networks that cannot be read lets nobody in until it is set anew.
package account

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account/person"
	"sealgate/internal/account/signin"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/store/catalog"
)

// What whoever uses a Service says about signing in: see package signin.
type (
	Options  = signin.Options
	Attempt  = signin.Attempt
	Identity = signin.Identity
	Door     = signin.Door
	Role     = signin.Role
)

// The doors.
const (
	SFTP   = signin.SFTP
	Portal = signin.Portal
)

// The roles.
const (
	Uploader = signin.Uploader
	Reader   = signin.Reader
	Approver = signin.Approver
	Admin    = signin.Admin
)

// ParseNetworks reads allow-from values: addresses and CIDR networks.
func ParseNetworks(texts []string) ([]netip.Prefix, error) { return signin.ParseNetworks(texts) }

// Service is the one place that changes accounts and logins. It is safe for
// concurrent use.
type Service struct {
	*signin.Service
	People  *person.Service // who is signed in to the portal
	catalog *catalog.Catalog
	keys    *custody.Custodian
	now     func() time.Time
	log     *slog.Logger
}

// New returns the service of these stores.
func New(cat *catalog.Catalog, cus *custody.Custodian, ks *keys.Store, opt Options) *Service {
	opt = opt.WithDefaults()
	in := signin.New(cat, cus, ks, opt)
	return &Service{
		Service: in, People: person.New(in, cat, cus, ks, opt.Now, opt.Log),
		catalog: cat, keys: cus, now: opt.Now, log: opt.Log,
	}
}

func newID(op string) (uuid.UUID, error) {
	id, err := uuid.NewV7()
	return id, fault.Wrap(fault.Internal, op, err)
}
