package home

import (
	"errors"
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

// protect leaves the directory to the system, the administrators and its owner,
// and lets what is made in it inherit that. A service account of its own is let in
// by `service install`.
func protect(dir string) error {
	sd, err := windows.SecurityDescriptorFromString("D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)(A;OICI;0x1301bf;;;LS)")
	if err != nil {
		return err
	}
	acl, _, err := sd.DACL()
	if err != nil {
		return err
	}
	return windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT,
		windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, acl, nil)
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
