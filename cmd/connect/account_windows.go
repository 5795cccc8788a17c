package main

import (
	"os/user"

	"golang.org/x/sys/windows"

	"sealgate/internal/agent/home"
	"sealgate/internal/fault"
)

func defaultAccount() string { return "" }

// handOver lets the account into the directory.
func handOver(h home.Home, name string) error {
	const op = "service: install"
	u, err := user.Lookup(name)
	if err != nil {
		return fault.New(fault.NotFound, op, "there is no account %s: %v", name, err)
	}
	sd, err := windows.GetNamedSecurityInfo(string(h), windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return fault.Wrap(fault.Denied, op, err)
	}
	old, _, err := sd.DACL()
	if err != nil {
		return fault.Wrap(fault.Denied, op, err)
	}
	sid, err := windows.StringToSid(u.Uid)
	if err != nil {
		return fault.Wrap(fault.Invalid, op, err)
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
