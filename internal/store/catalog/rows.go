package catalog

import (
	"time"

	"github.com/google/uuid"
)

// State is where a file is in its life (docs/architecture.md).
type State string

// The states of files. Waiting and Delivered are outward, all others inward.
const (
	Arriving      State = "arriving"
	WaitingRename State = "waiting-rename"
	Received      State = "received"
	Locked        State = "locked"
	Held          State = "held"
	Refused       State = "refused"
	Kept          State = "kept"
	Deleted       State = "deleted"
	Erased        State = "erased"
	Waiting       State = "waiting"
	Delivered     State = "delivered"
)

// Direction is which way a file goes, seen from the gateway.
type Direction string

// The directions of files.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// BodyKind is where a file's sealed body lies.
type BodyKind string

// The places of bodies.
const (
	NoBody     BodyKind = "none"
	InlineBody BodyKind = "inline" // in this catalog, table inline_body
	VaultBody  BodyKind = "vault"  // in the vault, under Body.Ref
)

// Values of Account.Content, Keys, KeyPeriod, OperatorAccess and State.
const (
	ContentKeep   = "keep"
	ContentDelete = "delete"

	KeysGateway  = "gateway"
	KeysCustomer = "customer"

	// HeldPassphrase is, beside them, how an access key can be held: here, but
	// under a passphrase that only the customer knows.
	HeldPassphrase = "passphrase"

	PeriodYear = "year"

	OperatorOn    = "on"
	OperatorAsked = "asked"
	OperatorOff   = "off"

	AccountOpen   = "open"
	AccountClosed = "closed"
)

// SystemAccount is the name of the built-in account that owns operators.
const SystemAccount = "system"

// Account is a customer.
type Account struct {
	ID              uuid.UUID
	Name            string // chosen by the operator, shown everywhere, unique
	Content         string // ContentKeep or ContentDelete
	KeepFor         time.Duration
	Keys            string // KeysGateway or KeysCustomer
	ProtectDatabase bool
	OperatorAccess  string // OperatorOn, OperatorAsked or OperatorOff
	InShowFor       time.Duration
	OutboxKeepFor   time.Duration
	TempNames       []string // patterns of names that wait for their rename
	RequireBoth     bool     // password and key together
	RequireFactor   bool     // a second factor in the portal
	AllowFrom       []byte   // sealed JSON list of CIDRs; nil = anywhere
	KeyPeriod       string   // PeriodYear: each year has access keys of its own; "" = one for all times
	Receipts        bool     // receipts are put into the outbox
	State           string   // AccountOpen or AccountClosed
	CreatedAt       time.Time
}

// Certificate is one X.509 certificate of an account. Its private key is in
// the key store.
type Certificate struct {
	Fingerprint string // hex SHA-256 of DER
	Account     uuid.UUID
	DER         []byte
	Current     bool // new files are sealed under it
	CreatedAt   time.Time
	RemoveAt    time.Time // its removal is scheduled for then; zero = it is not
	RemovedAt   time.Time
}

// RecordKey is an account's record key wrapped for one of its certificates.
type RecordKey struct {
	Account     uuid.UUID
	Fingerprint string // of the certificate
	Wrapped     []byte
}

// AccessKey is the public side of one access key of an account.
type AccessKey struct {
	ID          uuid.UUID
	Account     uuid.UUID
	Fingerprint string
	Public      []byte
	Held        string // KeysGateway, KeysCustomer or HeldPassphrase
	Period      string // the year it is for, "2026"; "" = all times
	Confirmed   bool   // somebody has shown that he can open with it

	Challenge      []byte // SHA-256 of the answer that is expected; nil = none is
	ChallengeUntil time.Time

	CreatedAt time.Time
	RemoveAt  time.Time // its removal is scheduled for then; zero = it is not
	RemovedAt time.Time
}

// Lock is a combination of keys that files were sealed under: any of these
// certificates and any of these access keys together open them.
type Lock struct {
	ID           int64
	Account      uuid.UUID
	Certificates []string // fingerprints, sorted
	AccessKeys   []string // fingerprints, sorted
}

// Sealed sums up the files of one lock that still have a body.
type Sealed struct {
	Lock           int64
	Files, Bytes   int64     // bytes of content
	Oldest, Newest time.Time // received; zero while nothing was
}

// Statement is what the gateway declares about an act of its own. It is stored
// unsigned with the intent, and signed when the act is done.
type Statement struct {
	ID        uuid.UUID
	Account   uuid.UUID
	Kind      string
	Object    string // what it is about: a fingerprint or an id
	CreatedAt time.Time
	Text      []byte
	Signed    bool
}

// Times are the moments of a file's life; zero = not yet.
type Times struct {
	BeganAt    time.Time
	ReceivedAt time.Time
	IndexedAt  time.Time
	EndedAt    time.Time // came to rest: kept, deleted, erased or delivered
}

// File is one file, from its first byte, for ever.
type File struct {
	ID        uuid.UUID
	Account   uuid.UUID
	Number    int64 // arrival number; InsertFile gives one when it is 0
	Direction Direction
	State     State
	Source    string    // sftp, portal, api, connect, remote:NAME, operator, gateway
	Node      string    // the gateway it arrives at
	Login     uuid.UUID // who has sent it: a login, or an agent by source connect
	Name      []byte    // sealed
	NameMAC   []byte
	Reason    string
	Times
	Content  Content
	Body     Body
	Grant    Grant
	Delivery Delivery
	Result   Result
	Keep     bool
	Fence    int64 // attempt of the index job whose result this is
	Lock     int64 // what its body is sealed under; 0 = no wraps in its header
}

// Content says what the plaintext is, without telling it.
type Content struct {
	Size   int64
	SHA256 []byte // sealed
	MAC    []byte // under the account's duplicate key
}

// Body is where the sealed body lies.
type Body struct {
	Kind   BodyKind
	Ref    string // of the vault object
	Sealed int64  // length of the sealed object
}

// Grant is the file key wrapped for an ingest key. It has a table of its own,
// so that taking it away overwrites it.
type Grant struct {
	Key  string // hex fingerprint of the ingest key; empty = no grant
	Data []byte
}

// Delivery is what tells a repeated delivery from a new file.
type Delivery struct {
	MAC      []byte
	Answered bool // something followed our acknowledgement
	Resumed  bool
}

// Result is what the indexer found, as far as the catalog knows it.
type Result struct {
	Format       string
	Variant      string
	BatchCount   int64
	PaymentCount int64
	Codes        []string // of findings
	Summary      []byte   // sealed JSON payment.Summary
}

// FileFilter selects files; the zero value of a field selects all. Files come
// newest first.
type FileFilter struct {
	Account   uuid.UUID
	State     State
	Source    string
	Direction Direction
	Node      string
	NameMAC   []byte    // needs Account
	Since     time.Time // received (or, not yet received, begun) at or after
	Until     time.Time // received (or begun) before; zero = no end
	Format    string    // as the index names it
	Code      string    // of a finding
	Before    int64     // arrival number: only older files (for paging)
	Limit     int       // 0 = 1,000; negative = all
}

// Entry is one name in the /in list of a login.
type Entry struct {
	ID        uuid.UUID
	Login     uuid.UUID
	Parent    uuid.UUID // uuid.Nil = /in itself
	NameMAC   []byte
	Name      []byte // sealed
	Dir       bool
	File      uuid.UUID // uuid.Nil for folders
	MTime     time.Time
	CreatedAt time.Time
	Until     time.Time // shown until then; zero = for ever
}

// Job is work to be done for a file or an account, at or after RunAt.
type Job struct {
	ID         uuid.UUID
	Kind       string
	Account    uuid.UUID
	File       uuid.UUID
	RunAt      time.Time
	Attempt    int64 // grows with every lease: the fence
	LeaseUntil time.Time
	Worker     string
	LastError  string // for operators: no names, no content
}
