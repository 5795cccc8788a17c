package account

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

func (r Role) known() bool { return r.MayWrite() || r == Reader }

// Attempt is somebody who wants to sign in.
type Attempt struct {
	Username string
	Source   netip.Addr // where the connection comes from
	Door     Door
}

// Identity is who has signed in, read from the catalog after the proof.
type Identity struct {
	Login   uuid.UUID
	Account uuid.UUID
	Role    Role
	// RequireBoth says that the account wants a password and a key: one of
	// them alone is half a sign-in.
	RequireBoth bool
}
