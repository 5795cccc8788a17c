// Package statement is what the gateway declares over its signature: that it
// received a file (a receipt), that it destroyed a key, that it erased a file.
// Anybody who knows the gateway's identity can verify one offline, for ever.
//
// A statement is a signed note (golang.org/x/mod/sumdb/note): a text, an empty
// line, and a line with the Ed25519 signature of the gateway's identity key.
// The text is one JSON document, indented, with its fields in one order. It
// names the identity that signed it, so that a statement says by itself who to
// ask; whether that is the right gateway only a fingerprint from elsewhere can
// tell. The fingerprint of an identity is
//
//	SHA256: and the SHA-256 of the 32 bytes of its public key, in base64 without padding
//
// There is one encoding of each document: Verify refuses unknown and repeated
// fields, other spellings of the same values, and any second signature, so that
// what a program reads in a statement is all that it says.
//
// The package is pure: no disk, no network, no clock.
package statement

import (
	"time"

	"sealgate/internal/payment"
)

// The kinds of statement.
const (
	KindReceipt            = "receipt"
	KindCertificateRemoved = "certificate-removed"
	KindAccessKeyRemoved   = "access-key-removed"
	KindErased             = "erased"
)

// Document is the text of a statement. Exactly one of its last three fields is
// there, by its kind. What is declared here comes out as JSON in this order.
type Document struct {
	Sealgate string    `json:"sealgate"` // "statement"
	Version  int       `json:"version"`
	Kind     string    `json:"kind"`
	ID       string    `json:"id"`
	Account  string    `json:"account"`
	IssuedAt time.Time `json:"issued_at"`
	Identity string    `json:"identity"` // who signs: a verifier key of the note format
	Receipt  *Receipt  `json:"receipt,omitempty"`
	Removal  *Removal  `json:"removal,omitempty"`
	Erasure  *Erasure  `json:"erasure,omitempty"`
}

// Receipt says that a file was received and is durable, and, once it has been
// read, what it held.
type Receipt struct {
	File       string    `json:"file"` // its id
	Name       *string   `json:"name"` // null: nobody can read it any more
	Direction  string    `json:"direction"`
	Source     string    `json:"source"`
	Size       int64     `json:"size"`
	SHA256     *string   `json:"sha256"` // of its content, in hex; null like the name
	ReceivedAt time.Time `json:"received_at"`
	Index      *Index    `json:"index,omitempty"`

	SealedFor *SealedFor `json:"sealed_for,omitempty"` // none: it is not kept, or not any more
}

// SealedFor names the keys that a file's content is sealed for, by the fingerprints
// of their public halves: any certificate together with any access key opens it.
// Who holds an access key himself sees here whether somebody else's is among them.
type SealedFor struct {
	Certificates []string `json:"certificates"`
	AccessKeys   []string `json:"access_keys"`
}

// Index is what the file held. Lists are null when nobody can read them any more.
type Index struct {
	IndexedAt    time.Time         `json:"indexed_at"`
	State        string            `json:"state"`
	Format       *string           `json:"format"`
	Variant      *string           `json:"variant"`
	MessageIDs   []string          `json:"message_ids"`
	BatchCount   int64             `json:"batch_count"`
	PaymentCount int64             `json:"payment_count"`
	Sums         []payment.Sum     `json:"sums"`
	Findings     []payment.Finding `json:"findings"`
}

// Removal says that a key was destroyed, and what opens no more because of it.
type Removal struct {
	Object      string    `json:"object"`      // the fingerprint of a certificate, the id of an access key
	Fingerprint string    `json:"fingerprint"` // of its public key
	Held        string    `json:"held"`        // who had the private half: gateway, customer, passphrase
	Period      string    `json:"period,omitempty"`
	RemovedAt   time.Time `json:"removed_at"`
	Cause       string    `json:"cause"` // asked, scheduled, or restored: an older catalog came back, without the key
	Sentence    string    `json:"sentence"`

	Files     int64      `json:"files"` // opened by nothing any more
	Bytes     int64      `json:"bytes"` // of their content
	Oldest    *time.Time `json:"oldest"`
	Newest    *time.Time `json:"newest"`
	Moving    int64      `json:"moving"`     // of files: readable by the gateway until they have come to rest
	StillOpen int64      `json:"still_open"` // sealed under the key, and open by another one
	Closed    bool       `json:"account_closed"`

	FileIDs  []string `json:"file_ids"`
	Complete bool     `json:"file_ids_complete"` // false: there were too many to name them all

	Copy string `json:"key_backup"` // what became of the copy of the key store: see the constants
	Note string `json:"limits"`     // what the gateway cannot answer for
}

// What became of the copy of the key store that `keys backup` made.
const (
	CopyNone       = "none"        // there never was one
	CopyRewritten  = "rewritten"   // it was written anew without the key
	CopyNotReached = "not-reached" // it still holds the key, wrapped by the master key
)

// Erasure says that a file's content was removed.
type Erasure struct {
	File       string    `json:"file"` // its id
	Size       int64     `json:"size"`
	ReceivedAt time.Time `json:"received_at"`
	ErasedAt   time.Time `json:"erased_at"`
	Reason     string    `json:"reason"`
	Sentence   string    `json:"sentence"` // what opens a copy that a backup may hold
}
