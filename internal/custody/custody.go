// Package custody decides who can open what. It joins the key store with the
// catalog: it adds keys, says what new files are sealed for, and opens what is on
// record. Its rooms do one thing each:
//
//   - records: the record key, which seals the columns that tell something
//   - keyring: the rules, which of an account's keys seal and which open
//   - ingest: the ingest key, which lives one day and opens grants
//   - removal: how keys end
//   - inventory: which keys there are, and copies of them for who asks
//   - loan: access keys that customers have lent to the gateway
//   - stock: the keys of files to come, made ahead
//
// # Locks
//
// An account has certificates and access keys; which of them a new file is
// sealed for is its Lock (lock.go). The record key, which opens names, is
// wrapped for every certificate that was not removed. A file's key can be had in
// two ways: by its grant, while it has one, and by certificate and access key
// together, when its content is kept.
//
// # Keys come and go
//
// A key that is added is durable in the key store before the catalog hears of
// it: a key that only the key store knows opens nothing and is in nobody's way.
// A key that is removed goes the other way round (removal): the intent is on
// record, then the key is destroyed.
//
// Nothing outlives a removal in memory: locks, record keys and keys made ahead
// are dropped with it, and a file whose header was made before is refused when
// it is put on record after (Fresh.LockID). What was on record by then is
// counted among what is lost. Its grant still opens it, to be indexed.
//
// A certificate that expires is a reason to warn, never to stop: what expires by
// the clock is only what a person can make anew (a challenge, an unlocking).
//
// Not here: whether somebody may (account, portal), when a scheduled removal is
// due (retention), and what is done with an opened file. Errors are faults:
// Locked for a key that is not here, Damaged for what does not open although its
// key is.
package custody

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/ingest"
	"sealgate/internal/custody/inventory"
	"sealgate/internal/custody/loan"
	"sealgate/internal/custody/removal"
	"sealgate/internal/custody/stock"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/store/catalog"
)

// Custodian uses the keys. It is safe for concurrent use.
type Custodian struct {
	*removal.Remover     // ends keys: Preview, Remove, ScheduleRemoval, CancelRemoval, RemoveDue, Converge, Finish
	*inventory.Inventory // lists, finds and hands out keys

	ks     *keys.Store
	cat    *catalog.Catalog
	now    func() time.Time
	ingest *ingest.Keeper
	stock  *stock.Stock[*Fresh]
	loans  *loan.Book

	mu      sync.RWMutex // guards what follows
	records map[uuid.UUID]*Records
	locks   map[uuid.UUID]*Lock
	changes int // of accounts' keys that are under way: nothing is remembered then
	epoch   int // grows with each beginning and end of one

	keys  sync.Mutex               // held by the one act that changes an account's keys; before mu
	fault func(point string) error // tests: stops an act at a kill point
}

// New returns a custodian for this node. Run, or ChangeDay, makes it change
// its ingest key.
func New(ks *keys.Store, cat *catalog.Catalog, node string, now func() time.Time) *Custodian {
	c := &Custodian{
		ks: ks, cat: cat, now: now,
		records: make(map[uuid.UUID]*Records),
		locks:   make(map[uuid.UUID]*Lock),
		loans:   loan.NewBook(now),
		fault:   func(string) error { return nil },
	}
	cut := func(point string) error { return c.fault(point) }
	c.ingest = ingest.New(ks, cat, node, now, cut)
	c.Remover = removal.New(removal.Parts{Keys: ks, Catalog: cat, Ingest: c.ingest, Holder: holder{c}, Now: now, Cut: cut})
	c.Inventory = inventory.New(ks, cat, c.loans)
	c.stock = stock.New(c.draw, (*Fresh).wipe, now)
	return c
}

// accountKeys returns what the key store holds for an account. None is Locked:
// the account is on record, and only somebody with a copy can bring its keys.
func (c *Custodian) accountKeys(account uuid.UUID) (*keys.Account, error) {
	k, err := c.ks.Account(account)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.Locked, "custody: keys", "the keys of this account are not in the key store")
	}
	return k, err
}

// change begins an act that changes an account's keys and returns what ends it.
// Until then nothing that depends on the keys is remembered, so that whatever
// was read in between is forgotten with the act.
func (c *Custodian) change(account uuid.UUID) (done func()) {
	c.keys.Lock()
	c.mu.Lock()
	c.changes++
	c.mu.Unlock()
	c.forget(account)
	return func() {
		c.forget(account)
		c.mu.Lock()
		c.changes--
		c.mu.Unlock()
		c.keys.Unlock()
	}
}

// AccountChanged is told after an account's settings were changed: which keys
// its files are sealed for depends on them.
func (c *Custodian) AccountChanged(account uuid.UUID) { c.forget(account) }

// forget drops what depends on an account's keys, keys made ahead among it.
func (c *Custodian) forget(account uuid.UUID) {
	c.mu.Lock()
	c.epoch++
	delete(c.locks, account)
	c.mu.Unlock()
	c.stock.Forget(account)
}
