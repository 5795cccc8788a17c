package durable

import (
	"os"

	"golang.org/x/sys/windows"
)

// Without MOVEFILE_REPLACE_EXISTING nothing is overwritten.
func renameNew(oldname, newname string) error {
	from, err := windows.UTF16PtrFromString(oldname)
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
	to, err := windows.UTF16PtrFromString(newname)
	if err == nil {
		err = windows.MoveFileEx(from, to, windows.MOVEFILE_WRITE_THROUGH)
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: oldname, New: newname, Err: err}
	}
	return nil
}
