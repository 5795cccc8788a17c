package home

import (
	"errors"
	"fmt"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/windows"
)

// place is where Connect lives unless somebody says otherwise.
func place(getenv func(string) string) (string, error) {
	data := getenv("ProgramData")
	if data == "" {
		return "", errors.New("%ProgramData% is not set")
	}
	return filepath.Join(data, "Sealgate Connect"), nil
}

// Who the directory is left to: the system, the administrators, who own it, and the
// account of the service, which is nobody else's; when no administrator makes it, its
// owner as well. What is made in it inherits that. Another account for the service is
// let in by `service install`.
const (
	byAdministrator = "O:BAD:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;%s)"
	byUser          = "D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)(A;OICI;0x1301bf;;;%s)"
)

// protect closes the directory to others. Anybody may make one where programs keep
// their data: one that a stranger owns is refused, since an owner can always let
// himself in again.
func protect(dir string) error {
	me, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	was, err := windows.GetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.DACL_SECURITY_INFORMATION)
	if err != nil {
		return err
	}
	owner, _, err := was.Owner()
	if err != nil {
		return err
	}
	if !owner.Equals(me.User.Sid) && !owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) && !owner.IsWellKnown(windows.WinLocalSystemSid) {
		return fmt.Errorf("%s was made by another account; look into it, and take it away", dir)
	}
	if control, _, err := was.Control(); err != nil {
		return err
	} else if control&windows.SE_DACL_PROTECTED != 0 {
		return nil // closed already; whom `service install` has let in, stays in
	}
	how, parts := byUser, windows.SECURITY_INFORMATION(windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION)
	if windows.GetCurrentProcessToken().IsElevated() {
		how, parts = byAdministrator, parts|windows.OWNER_SECURITY_INFORMATION
	}
	sd, err := windows.SecurityDescriptorFromString(fmt.Sprintf(how, ServiceSID(Service)))
	if err != nil {
		return err
	}
	owner = nil
	if parts&windows.OWNER_SECURITY_INFORMATION != 0 {
		if owner, _, err = sd.Owner(); err != nil {
			return err
		}
	}
	acl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, parts, owner, nil, acl, nil)
}

// wrapSecret seals bytes to this machine by DPAPI: a copy of the file is worth
// nothing elsewhere. To the machine and not to the user, because the administrator
// who enrols is not the account that the service runs as; between the accounts of
// one machine the file's access list decides.
func wrapSecret(b []byte) ([]byte, error) {
	return dpapi(b, func(in, out *windows.DataBlob) error {
		return windows.CryptProtectData(in, nil, nil, 0, nil, windows.CRYPTPROTECT_LOCAL_MACHINE|windows.CRYPTPROTECT_UI_FORBIDDEN, out)
	})
}

func openSecret(b []byte) ([]byte, error) {
	return dpapi(b, func(in, out *windows.DataBlob) error {
		return windows.CryptUnprotectData(in, nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, out)
	})
}

func dpapi(b []byte, do func(in, out *windows.DataBlob) error) ([]byte, error) {
	if len(b) == 0 {
		return nil, errors.New("nothing to protect")
	}
	in := windows.DataBlob{Size: uint32(len(b)), Data: &b[0]}
	var out windows.DataBlob
	if err := do(&in, &out); err != nil {
		return nil, err
	}
	defer windows.LocalFree(windows.Handle(unsafe.Pointer(out.Data)))
	return append([]byte(nil), unsafe.Slice(out.Data, out.Size)...), nil
}
