package main

import (
	"os/user"
	"strings"

	"golang.org/x/sys/windows"

	"sealgate/internal/agent/home"
	"sealgate/internal/fault"
)

// ours is the account that Windows gives a service of this name: it has no password,
// nobody signs in as it, and no other service runs as it.
const ours = `NT SERVICE\` + serviceName

func defaultAccount() string { return ours }

// handOver lets the account into the directory.
func handOver(h home.Home, name string) error {
	const op = "service: install"
	id := home.ServiceSID(serviceName) // known before the service is there
	if !strings.EqualFold(name, ours) {
		u, err := user.Lookup(name)
		if err != nil {
			return fault.New(fault.NotFound, op, "there is no account %s: %v", name, err)
		}
		id = u.Uid
	}
	sid, err := windows.StringToSid(id)
	if err != nil {
		return fault.Wrap(fault.Invalid, op, err)
	}
	sd, err := windows.GetNamedSecurityInfo(string(h), windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fault.Wrap(fault.Denied, op, err)
	}
	old, _, err := sd.DACL()
	if err != nil {
		return fault.Wrap(fault.Denied, op, err)
	}
	acl, err := windows.ACLFromEntries([]windows.EXPLICIT_ACCESS{{
		AccessPermissions: windows.GENERIC_READ | windows.GENERIC_WRITE | windows.GENERIC_EXECUTE | windows.DELETE,
		AccessMode:        windows.GRANT_ACCESS,
		Inheritance:       windows.SUB_CONTAINERS_AND_OBJECTS_INHERIT,
		Trustee:           windows.TRUSTEE{TrusteeForm: windows.TRUSTEE_IS_SID, TrusteeValue: windows.TrusteeValueFromSID(sid)},
	}}, old)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	return fault.Wrap(fault.Denied, op, windows.SetNamedSecurityInfo(string(h), windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION, nil, nil, acl, nil))
}

// Who may use the directory on Windows is inherited by what is made there.
func giveBack(home.Home) error  { return nil }
func notAsRoot(home.Home) error { return nil }
