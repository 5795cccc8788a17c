// Package home is the directory of one Connect: its settings, its keys, and what
// it learned when it was enrolled.
//
//	DIR/connect.yaml    settings, written by people (settings.go)
//	DIR/agent.key       the agent's two private keys, 0600; on Windows under DPAPI as well
//	DIR/agent.json      which gateway it belongs to, and as which agent
//	DIR/journal.db      the way of every file (package journal)
//	DIR/receipts/       receipts, a folder a month
//	DIR/connect.log     the log, and older ones beside it
//	DIR/connect.sock    where the running agent answers status and send
//	DIR/lock            held by the one process that works here
//
// The keys are made here and never leave. agent.json holds no secret, but who can
// write to it decides which gateway is believed: the directory is its owner's only.
package home

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// Home is one directory. Its methods name what lies in it.
type Home string

// Find picks the directory: the flag, else $SEALGATE_CONNECT_DIR, else the
// platform's place; as an absolute path.
func Find(flag string, getenv func(string) string) (Home, error) {
	dir := flag
	if dir == "" {
		dir = getenv("SEALGATE_CONNECT_DIR")
	}
	if dir == "" {
		var err error
		if dir, err = place(getenv); err != nil {
			return "", fault.New(fault.Invalid, "home: find", "name the directory of Connect with --dir: %v", err)
		}
	}
	abs, err := filepath.Abs(dir)
	return Home(abs), fault.Wrap(fault.Internal, "home: find", err)
}

// Join is a path in the directory.
func (h Home) Join(name ...string) string {
	return filepath.Join(append([]string{string(h)}, name...)...)
}

// The files in it.
func (h Home) Config() string   { return h.Join("connect.yaml") }
func (h Home) Key() string      { return h.Join("agent.key") }
func (h Home) About() string    { return h.Join("agent.json") }
func (h Home) Journal() string  { return h.Join("journal.db") }
func (h Home) Receipts() string { return h.Join("receipts") }
func (h Home) Log() string      { return h.Join("connect.log") }

// Socket is where the running agent answers. The path of a socket is short on every
// platform: of a long directory it lies with the temporary files.
func (h Home) Socket() string {
	const most = 100
	if path := h.Join("connect.sock"); len(path) <= most {
		return path
	}
	sum := sha256.Sum256([]byte(h))
	return filepath.Join(os.TempDir(), "sealgate-connect-"+hex.EncodeToString(sum[:8])+".sock")
}

// Make makes the directory, for its owner only. One that somebody else has made, in
// a place where anybody may, is refused: he would go on deciding what it holds.
func (h Home) Make() error {
	if err := os.MkdirAll(string(h), 0o700); err != nil {
		return fault.New(fault.Denied, "home: make", "the directory of Connect cannot be made: %v", err)
	}
	if err := protect(string(h)); err != nil {
		return fault.New(fault.Denied, "home: make", "the directory of Connect cannot be closed to others: %v", err)
	}
	return nil
}

// Enrolment is what an agent learned when it was enrolled.
type Enrolment struct {
	Gateway  string            `json:"gateway"`      // URL
	Identity ed25519.PublicKey `json:"identity"`     // the gateway's, pinned
	Agent    uuid.UUID         `json:"agent"`        // its id there
	Account  uuid.UUID         `json:"account"`      //
	Name     string            `json:"account_name"` //
	Label    string            `json:"agent_name"`   //
	CA       string            `json:"ca,omitempty"` // PEM of an authority to believe besides the system's
	SignKey  ed25519.PublicKey `json:"sign_key"`     // the public half of the key that it signs with
	At       time.Time         `json:"enrolled_at"`  //
}

// Enrolled reads the enrolment; NotFound when there is none.
func (h Home) Enrolled() (Enrolment, error) {
	const op = "home: enrolment"
	var e Enrolment
	text, err := durable.ReadFile(durable.OS, h.About(), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return e, fault.New(fault.NotFound, op, "this Connect is not enrolled yet; ask for a code and run: connect enroll --gateway URL --code CODE")
	}
	if err != nil {
		return e, fault.New(fault.Denied, op, "%s cannot be read: %v", h.About(), err)
	}
	if err := json.Unmarshal(text, &e); err != nil || len(e.Identity) != ed25519.PublicKeySize || e.Agent == uuid.Nil || len(e.SignKey) != ed25519.PublicKeySize || e.Gateway == "" {
		return e, fault.New(fault.Damaged, op, "%s is damaged; enroll again with a new code", h.About())
	}
	return e, nil
}

// SetEnrolled keeps the enrolment.
func (h Home) SetEnrolled(e Enrolment) error {
	text, err := json.MarshalIndent(e, "", "  ")
	if err == nil {
		err = durable.WriteFile(durable.OS, h.About(), append(text, '\n'))
	}
	return fault.Wrap(fault.Internal, "home: enrolment", err)
}
