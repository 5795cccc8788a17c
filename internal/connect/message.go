package connect

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Gateway is what a gateway says of itself to everybody, signed like any answer.
type Gateway struct {
	Versions  []int     `json:"versions"`
	Identity  []byte    `json:"identity"` // its public key, Ed25519
	Epoch     string    `json:"epoch"`    // another one each time the gateway starts
	Time      time.Time `json:"time"`
	IngestKey []byte    `json:"ingest_key"` // the public key that requests are sealed for
	IngestDay string    `json:"ingest_day"`
	TLSPins   [][]byte  `json:"tls_pins"` // SHA-256 of the SubjectPublicKeyInfo of certificates it shows
	MaxSize   int64     `json:"max_size"` // of a file's content
	PartSize  int64     `json:"part_size"`
	WholeSize int64     `json:"whole_size"`
}

// Account is what an agent knows about whom it sends for. Files are sealed for all
// of Certificates and AccessKeys, or for none of them when Content is "delete".
type Account struct {
	ID           uuid.UUID `json:"id"`
	Name         string    `json:"name"`
	Agent        string    `json:"agent"` // the agent's own name
	Content      string    `json:"content"`
	Certificates [][]byte  `json:"certificates"` // DER
	AccessKeys   [][]byte  `json:"access_keys"`  // public keys, MLKEM768-X25519
	Lock         []byte    `json:"lock"`         // LockVersion of the four above
	May          []Right   `json:"may"`
}

// What becomes of the content of an account's files.
const (
	ContentKeep   = "keep"
	ContentDelete = "delete"
)

// Right is what an agent may do.
type Right string

// The rights of agents.
const (
	RightSend  Right = "send"
	RightFetch Right = "fetch"
	RightOpen  Right = "open"
)

// Rights are all of them, in their order.
var Rights = []Right{RightSend, RightFetch, RightOpen}

// LockVersion names what files of an account are sealed with: when it changed, an
// agent asks for its Account again.
func (a *Account) LockVersion() []byte {
	fields := [][]byte{a.ID[:], []byte(a.Content)}
	for _, list := range [][][]byte{a.Certificates, a.AccessKeys} {
		list = slices.Clone(list)
		slices.SortFunc(list, bytes.Compare)
		fields = append(fields, []byte{byte(len(list))})
		fields = append(fields, list...)
	}
	sum := sha256.Sum256(transcript("sealgate/connect/v1 lock", fields...))
	return sum[:]
}

// Begin says which file comes: the sealed object follows in parts, or stands behind
// the envelope when it is small.
type Begin struct {
	// Delivery is the same for the same file of the same agent, whenever it is sent;
	// missing when it is not known yet because the content has not been read.
	Delivery   []byte    `json:"delivery,omitempty"`
	File       uuid.UUID `json:"file"` // version 7, new for each sealing
	Name       string    `json:"name"`
	Size       int64     `json:"size"`             // of the content
	SHA256     []byte    `json:"sha256,omitempty"` // of the content; missing like Delivery
	ObjectSize int64     `json:"object_size"`      // of the sealed object, header and trailer included
	Header     []byte    `json:"header"`           // the beginning of the object
	Grant      []byte    `json:"grant"`            // the file key, for the ingest key
	IngestKey  []byte    `json:"ingest_key"`       // the fingerprint of that key
}

// Progress answers Begin, a part and Commit.
type Progress struct {
	State   State     `json:"state"`
	File    uuid.UUID `json:"file"`              // of a received delivery: the one that was taken
	Offset  int64     `json:"offset"`            // of the sealed object: what need not be sent again
	Receipt []byte    `json:"receipt,omitempty"` // a signed statement, of a received delivery
}

// State is how far a delivery has come.
type State string

// The states of a delivery.
const (
	StateNew      State = "new"      // send from the beginning
	StatePartial  State = "partial"  // send from Offset
	StateReceived State = "received" // done, and Receipt says so
)

// Commit ends a delivery. The gateway compares all three with the object's trailer
// and its record.
type Commit struct {
	Delivery []byte `json:"delivery"`
	Size     int64  `json:"size"`
	SHA256   []byte `json:"sha256"`
}

// Files names files.
type Files struct {
	Files []uuid.UUID `json:"files"`
}

// Unknown answers to Files: those that the gateway knows nothing of.
type Unknown struct {
	Unknown []uuid.UUID `json:"unknown"`
}

// Page asks for a part of a list: what comes after a file, from the beginning when
// that is missing.
type Page struct {
	After *uuid.UUID `json:"after,omitempty"`
}

// Listed is a file that waits in the outbox or is kept.
type Listed struct {
	File       uuid.UUID `json:"file"`
	Name       string    `json:"name"`
	Size       int64     `json:"size"`
	SHA256     []byte    `json:"sha256"`
	ReceivedAt time.Time `json:"received_at"`
	ObjectSize int64     `json:"object_size"`
	Opens      Opener    `json:"opens"`
}

// Opener says what opens a file besides the gateway's word.
type Opener string

// Who can open a file.
const (
	OpensGateway   Opener = "gateway"    // the gateway tells the file key
	OpensAccessKey Opener = "access-key" // the gateway tells share A, an access key opens share B
)

// List is a page of files, and where the next one begins.
type List struct {
	Files []Listed   `json:"files"`
	After *uuid.UUID `json:"after,omitempty"` // there are more
}

// Opening is what a file is opened with: one of the two.
type Opening struct {
	FileKey []byte `json:"file_key,omitempty"`
	ShareA  []byte `json:"share_a,omitempty"`
}

// Ack says that a file of the outbox is on the customer's disk.
type Ack struct {
	SHA256 []byte `json:"sha256"` // of its content
}

// Heartbeat is how an agent is.
type Heartbeat struct {
	Program   string     `json:"program"`
	Platform  string     `json:"platform"`
	Waiting   int64      `json:"waiting"` // files that are to be sent
	Failed    int64      `json:"failed"`
	Oldest    *time.Time `json:"oldest,omitempty"`     // since when the oldest of them waits
	LastError string     `json:"last_error,omitempty"` // a code
	Clock     int64      `json:"clock"`                // how many milliseconds the agent's clock is behind the gateway's
	Troubled  []string   `json:"troubled,omitempty"`   // folders that cannot be watched, by their paths
}

// Pulse answers a heartbeat.
type Pulse struct {
	Time   time.Time `json:"time"`
	Lock   []byte    `json:"lock"`   // see Account
	Outbox int64     `json:"outbox"` // files that wait
}

// Share asks for share A. Of a file whose body the gateway may not have any more, it
// brings the header.
type Share struct {
	Header []byte `json:"header,omitempty"`
}

// Nothing is a message that says nothing.
type Nothing struct{}
