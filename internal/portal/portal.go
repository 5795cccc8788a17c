// Package portal holds the words of the JSON API under /api/v1: the shapes that
// its handlers (portal/api) and its clients share. Names and meanings are a stable
// interface (docs/api.md); the file object has a package of its own.
//
// Times are RFC 3339 UTC, amounts minor units, durations text like "400d".
package portal

import "time"

// Moment is t as answers show it: null when there is none.
func Moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Account is a customer with its policy.
type Account struct {
	ID              string    `json:"id"`
	Name            string    `json:"name"`
	State           string    `json:"state" enum:"open,closed"`
	Content         string    `json:"content" enum:"keep,delete"`
	KeepFor         Duration  `json:"keep_for"`
	Keys            string    `json:"keys" enum:"gateway,customer"`
	ProtectDatabase bool      `json:"protect_database"`
	OperatorAccess  string    `json:"operator_access" enum:"on,asked,off"`
	InShowFor       Duration  `json:"in_show_for"`
	OutboxKeepFor   Duration  `json:"outbox_keep_for"`
	KeyPeriod       string    `json:"key_period" enum:"none,year"`
	Receipts        bool      `json:"receipts" doc:"a signed receipt of each file is put in the outbox"`
	RequireFactor   bool      `json:"require_second_factor" doc:"in the portal"`
	CreatedAt       time.Time `json:"created_at"`
	// Of one account only, not in lists.
	UnlockedUntil *time.Time `json:"unlocked_until,omitempty" doc:"the customer's access key is in the gateway's memory until then"`
	ApprovedUntil *time.Time `json:"approved_until,omitempty" doc:"operator-access is asked, and operators may look until then"`
	Warnings      []Warning  `json:"warnings,omitempty"`
}

// AccountChange is what may be set of an account; what is absent stays.
type AccountChange struct {
	Content        *string   `json:"content,omitempty" enum:"keep,delete"`
	KeepFor        *Duration `json:"keep_for,omitempty"`
	OperatorAccess *string   `json:"operator_access,omitempty" enum:"on,asked,off"`
	InShowFor      *Duration `json:"in_show_for,omitempty"`
	OutboxKeepFor  *Duration `json:"outbox_keep_for,omitempty"`
	KeyPeriod      *string   `json:"key_period,omitempty" enum:"none,year"`
	Receipts       *bool     `json:"receipts,omitempty"`
	RequireFactor  *bool     `json:"require_second_factor,omitempty" doc:"in the portal"`
	Confirm        string    `json:"confirm,omitempty" doc:"the account's name: yes, erase what is older than the new keep_for"`
}

// NewAccount asks for an account. Without a certificate the gateway makes one.
type NewAccount struct {
	Name           string `json:"name"`
	Certificate    string `json:"certificate,omitempty" doc:"PEM"`
	CertificateKey string `json:"certificate_key,omitempty" doc:"PKCS#8 PEM, or the pkcs11: URI of a key in a token"`
	Keys           string `json:"keys,omitempty" enum:"gateway,customer"`
	AccessKey      string `json:"access_key,omitempty" doc:"public half of the customer's first access key, PEM"`
	AccountChange
}

// Login is a person or robot of an account.
type Login struct {
	ID        string     `json:"id"`
	Username  *string    `json:"username" doc:"null: sealed under a key that was destroyed"`
	Password  bool       `json:"has_password"`
	Generated bool       `json:"password_generated"`
	Codes     bool       `json:"one_time_codes" doc:"it has one-time codes as a second factor"`
	Passkeys  int        `json:"passkeys" doc:"each signs in by itself, without a password"`
	Keys      []SSHKey   `json:"ssh_keys"`
	AllowFrom []string   `json:"allow_from"`
	SFTP      bool       `json:"sftp"`
	Portal    bool       `json:"portal"`
	Role      string     `json:"role" enum:"uploader,reader,approver,admin"`
	CreatedAt time.Time  `json:"created_at"`
	LastSeen  *time.Time `json:"last_seen"`
}

// SSHKey is a public key that a login signs in with.
type SSHKey struct {
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
}

// NewLogin asks for a login. With neither password nor key, a password is made.
type NewLogin struct {
	Username  string   `json:"username"`
	Password  string   `json:"password,omitempty"`
	SSHKeys   []string `json:"ssh_keys,omitempty" doc:"lines as in authorized_keys"`
	AllowFrom []string `json:"allow_from,omitempty" doc:"CIDRs; none = anywhere"`
	NoSFTP    bool     `json:"no_sftp,omitempty"`
	NoPortal  bool     `json:"no_portal,omitempty"`
	Role      string   `json:"role,omitempty" enum:"uploader,reader,approver,admin"`
	Invite    bool     `json:"invite,omitempty" doc:"no password: answer with a one-time link to choose one"`
}

// LoginChange is what may be set of a login; what is absent stays.
type LoginChange struct {
	Password    string    `json:"password,omitempty"`
	NewPassword bool      `json:"new_password,omitempty" doc:"make one"`
	NoPassword  bool      `json:"no_password,omitempty" doc:"take it away"`
	AddKeys     []string  `json:"add_keys,omitempty"`
	RemoveKeys  []string  `json:"remove_keys,omitempty" doc:"fingerprints"`
	AllowFrom   *[]string `json:"allow_from,omitempty"`
	SFTP        *bool     `json:"sftp,omitempty"`
	Portal      *bool     `json:"portal,omitempty"`
	Role        *string   `json:"role,omitempty" enum:"uploader,reader,approver,admin"`
}

// LoginMade is a login that was made or set; Secret is its new password, shown
// this once, when the gateway made one.
type LoginMade struct {
	Login
	Secret string `json:"password,omitempty"`
	Link   *Link  `json:"link,omitempty" doc:"of an invitation"`
}

// Operator is a person who runs the gateway.
type Operator struct {
	ID        string     `json:"id"`
	Email     string     `json:"email"`
	Codes     bool       `json:"one_time_codes"`
	Passkeys  int        `json:"passkeys" doc:"each signs in by itself, without a password"`
	CreatedAt time.Time  `json:"created_at"`
	LastSeen  *time.Time `json:"last_seen"`
}

// Link is a one-time link, shown this once.
type Link struct {
	Email    string    `json:"email,omitempty" doc:"of an operator"`
	Username string    `json:"username,omitempty" doc:"of a login"`
	Mailed   bool      `json:"mailed,omitempty" doc:"it is on its way by mail, and not shown"`
	Path     string    `json:"path,omitempty" doc:"to be put behind the gateway's https address"`
	Until    time.Time `json:"until"`
}

// KeyStore says what is in the key store, no secret.
type KeyStore struct {
	Dir         string      `json:"dir"`
	Master      string      `json:"master" doc:"where the master key comes from"`
	Generation  int         `json:"generation" doc:"how many master keys the store has had"`
	Identity    string      `json:"identity" doc:"public key of the gateway, Ed25519, hex"`
	Signs       string      `json:"identity_fingerprint" doc:"SHA256:… of that key, by which receipts and statements name who signed"`
	Copy        *string     `json:"copy" doc:"where keys backup wrote last"`
	CopyProblem string      `json:"copy_problem,omitempty" doc:"why that copy is not as it should be"`
	HostKeys    []SSHKey    `json:"host_keys"`
	Accounts    int         `json:"accounts" doc:"that have keys here"`
	IngestKeys  []IngestKey `json:"ingest_keys"`
}

// IngestKey is a key that lives one day.
type IngestKey struct {
	Day         string `json:"day"`
	Fingerprint string `json:"fingerprint"`
}

// AuditEntry is one thing that happened.
type AuditEntry struct {
	ID      string            `json:"id"`
	Time    time.Time         `json:"time"`
	Account string            `json:"account,omitempty"`
	Actor   string            `json:"actor"`
	Action  string            `json:"action"`
	Object  string            `json:"object"`
	Detail  map[string]string `json:"detail,omitempty"`

	ActorKind  string  `json:"actor_kind" enum:"gateway,machine,operator,login,token,remote"`
	ActorName  *string `json:"actor_name" doc:"null: gone, or not for you to know"`
	ObjectName *string `json:"object_name,omitempty" doc:"of a login or a token that is still there"`
}

// BackupProgress is how far the backup is that is being written, in bytes.
type BackupProgress struct {
	Running bool  `json:"running"`
	Done    int64 `json:"done"`
	Total   int64 `json:"total" doc:"as far as is known yet"`
}

// AuditReport is what was checked of an audit log that is whole.
type AuditReport struct {
	Entries int64  `json:"entries"`
	Heads   int    `json:"heads"`
	Root    string `json:"root"`
}

// ProblemTrailer is the HTTP trailer that tells of a content that turned out to be
// damaged after its beginning was sent; SizeHeader tells how long a content is.
const (
	ProblemTrailer = "Sealgate-Problem"
	SizeHeader     = "Sealgate-Size"
)
