package signin

import (
	"net/netip"

	"github.com/google/uuid"
)

// Door is where somebody wants to come in.
type Door string

// The doors.
const (
	SFTP   Door = "sftp"
	Portal Door = "portal"
)

// Role is what a login may do.
type Role string

// The roles. A reader sees everything and changes nothing; an uploader sends
// and fetches files; an approver may also decide about held files; an admin may
// also change logins.
const (
	Uploader Role = "uploader"
	Reader   Role = "reader"
	Approver Role = "approver"
	Admin    Role = "admin"
)

// MayWrite reports whether the role may send files and take them from /out.
func (r Role) MayWrite() bool { return r == Uploader || r == Approver || r == Admin }

func (r Role) Known() bool { return r.MayWrite() || r == Reader }

// Attempt is somebody who wants to sign in.
type Attempt struct {
	Username string
	Source   netip.Addr // where the connection comes from
	Door     Door
	// Device is what the portal gave the browser when the login signed in there
	// before; empty otherwise. It makes the source a known one.
	Device string
	// Half is who has shown the key already, when the account wants a key and
	// a password: what VerifiedKey returned; nil otherwise.
	Half *Identity
}

// shownKeyOf reports whether the attempt has shown a key of this login.
func (a Attempt) shownKeyOf(login uuid.UUID) bool { return a.Half != nil && a.Half.Login == login }

// Identity is who has signed in, read from the catalog after the proof.
type Identity struct {
	Login   uuid.UUID
	Account uuid.UUID
	Role    Role
	// NeedsPassword says that this is half a sign-in: the account wants a
	// password besides the key. It is never set by Password.
	NeedsPassword bool

	door   Door
	source netip.Addr
	hash   string // the password hash that let it in; empty = none did
	key    string // the fingerprint of the key that was shown; empty = none was
}
