package portal

import "time"

// Certificate is one certificate of an account.
type Certificate struct {
	Fingerprint string     `json:"fingerprint"`
	Current     bool       `json:"current" doc:"new files are sealed under it"`
	KeyHere     bool       `json:"key_here"`
	Token       string     `json:"token,omitempty" doc:"pkcs11: URI of its key, when that lies in a token"`
	Files       int64      `json:"files" doc:"that need it: their bodies are sealed under it"`
	Subject     string     `json:"subject"`
	Algorithm   string     `json:"algorithm"`
	NotBefore   time.Time  `json:"not_before"`
	NotAfter    time.Time  `json:"not_after"`
	CreatedAt   time.Time  `json:"created_at"`
	RemoveAt    *time.Time `json:"remove_at" doc:"its removal is scheduled for then"`
	RemovedAt   *time.Time `json:"removed_at"`
	PEM         string     `json:"pem"`
}

// NewCertificate brings a certificate with its key.
type NewCertificate struct {
	Certificate string `json:"certificate" doc:"PEM; intermediates may follow"`
	Key         string `json:"certificate_key" doc:"PKCS#8 PEM, or the pkcs11: URI of a key in a token"`
	Also        bool   `json:"also,omitempty" doc:"beside the present one, which stays in use for new files (escrow)"`
}

// AccessKey is one access key of an account.
type AccessKey struct {
	ID            string     `json:"id"`
	Fingerprint   string     `json:"fingerprint"`
	Held          string     `json:"held" enum:"gateway,customer,passphrase"`
	Period        string     `json:"period,omitempty" doc:"the year whose files it locks"`
	Confirmed     bool       `json:"confirmed" doc:"its holder has proved that he can open; only then it is used"`
	Files         int64      `json:"files" doc:"that need it: their bodies are sealed under it"`
	UnlockedUntil *time.Time `json:"unlocked_until" doc:"it is in the gateway's memory until then"`
	CreatedAt     time.Time  `json:"created_at"`
	RemoveAt      *time.Time `json:"remove_at" doc:"its removal is scheduled for then"`
	RemovedAt     *time.Time `json:"removed_at"`
}

// NewAccessKey asks for an access key: one that the gateway makes, the public half
// of one that the customer holds, or that with the private half under his
// passphrase.
type NewAccessKey struct {
	Public    string `json:"public,omitempty" doc:"PEM"`
	Encrypted string `json:"encrypted,omitempty" doc:"private half under the customer's passphrase, PEM"`
	Period    string `json:"period,omitempty" doc:"a year; none = this year, where the account has a key for each"`
}

// Challenge is what only the holder of an access key can answer.
type Challenge struct {
	Challenge string    `json:"challenge" doc:"PEM"`
	Until     time.Time `json:"until"`
}

// Answer is the answer to a challenge.
type Answer struct {
	Answer string `json:"answer" doc:"PEM"`
}

// Unlock lends the gateway an access key.
type Unlock struct {
	AccessKey  string   `json:"access_key,omitempty" doc:"PEM; it is kept in memory only"`
	Passphrase string   `json:"passphrase,omitempty" doc:"instead: of access keys that the gateway keeps under it"`
	For        Duration `json:"for,omitempty" doc:"none = 8h; 24h at most"`
}

// Unlocked says how long a lent access key is kept.
type Unlocked struct {
	Until  time.Time `json:"until"`
	Queued int       `json:"queued" doc:"locked files that are looked at again"`
}

// Export is key material on its way out.
type Export struct {
	PEM    string `json:"pem"`
	Public string `json:"public,omitempty"`
}

// Loss is what nobody can open any more once a certificate or access key is removed.
type Loss struct {
	Sentence  string     `json:"sentence" doc:"what is lost and for whom, in one sentence"`
	Files     int64      `json:"files" doc:"that open by nothing any more"`
	Bytes     int64      `json:"bytes"`
	Oldest    *time.Time `json:"oldest"`
	Newest    *time.Time `json:"newest"`
	Moving    int64      `json:"moving" doc:"of these, files on their way: the gateway reads them until they rest"`
	StillOpen int64      `json:"still_open" doc:"files sealed under it that another key opens as well"`
	Outside   int64      `json:"outside" doc:"files that nothing opens but the private half which the customer holds"`
	Closes    bool       `json:"closes" doc:"it is the last certificate: the account is closed"`
	Stops     bool       `json:"stops" doc:"it is the last access key: nothing is accepted any more"`
}

// Removal is a removal that was done, or that is scheduled.
type Removal struct {
	Loss
	RemoveAt  *time.Time `json:"remove_at" doc:"it is done then, and can be called off until then"`
	Statement string     `json:"statement,omitempty" doc:"id of the signed statement"`
	Text      string     `json:"text,omitempty" doc:"the statement"`
	Copy      *KeyCopy   `json:"copy,omitempty" doc:"what became of the copy of the keys; none was ever made = absent"`
}

// KeyCopy says what became of the copy that keys backup made last.
type KeyCopy struct {
	Path      string `json:"path"`
	Rewritten bool   `json:"rewritten" doc:"the removed key is gone from it"`
	Problem   string `json:"problem,omitempty" doc:"why it was not"`
}

// Reseal is how far the work is of sealing files for the account's present keys.
type Reseal struct {
	Running     bool       `json:"running"`
	Left        int64      `json:"left" doc:"files that are sealed for other keys"`
	LeftBytes   int64      `json:"left_bytes"`
	Resealed    int64      `json:"resealed" doc:"since it was started"`
	Unreachable int64      `json:"unreachable" doc:"of those left, files that a key is missing for"`
	Damaged     int64      `json:"damaged" doc:"of those left, files whose bodies are damaged: they stay as they are"`
	Unfinished  int64      `json:"unfinished" doc:"of those left, files on their way: they follow when they rest"`
	Waiting     string     `json:"waiting,omitempty" doc:"why it waits: full, locked, try-later, internal"`
	NextTry     *time.Time `json:"next_try"`
}

// Statement is a signed statement about keys or files that were destroyed.
type Statement struct {
	ID        string    `json:"id"`
	Account   string    `json:"account"`
	Kind      string    `json:"kind"`
	Object    string    `json:"object" doc:"fingerprint or id of what it is about"`
	CreatedAt time.Time `json:"created_at"`
	Signed    bool      `json:"signed" doc:"false: the act was begun and is not finished yet"`
	Text      string    `json:"text,omitempty" doc:"of one statement only, not in lists"`
}

// Erased is what became of a file whose content was erased.
type Erased struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	Sentence  string `json:"sentence" doc:"what opens a copy that a backup may hold"`
	Statement string `json:"statement" doc:"id of the signed statement"`
	Text      string `json:"text" doc:"the statement"`
}

// Receipt is a signed receipt of a file.
type Receipt struct {
	Text string `json:"text"`
}

// Warning is something about an account's keys that a person should see to.
type Warning struct {
	Code    string     `json:"code"`
	Object  string     `json:"object,omitempty"`
	At      *time.Time `json:"at,omitempty"`
	Message string     `json:"message"`
}

// Finding is what doctor has to say about one thing.
type Finding struct {
	Check  string `json:"check"`
	Status string `json:"status" enum:"ok,warning,failed"`
	Found  string `json:"found"`
	Do     string `json:"do,omitempty" doc:"what to do about it"`
}

// The states of a finding.
const (
	Fine    = "ok"
	Warned  = "warning"
	Failing = "failed"
)
