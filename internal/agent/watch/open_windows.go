package watch

import (
	"errors"

	"golang.org/x/sys/windows"
)

// Writers says whether somebody has the file open for writing: opening it without
// letting others write is refused then.
func Writers(path string) Writing {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return Nobody
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ|windows.FILE_SHARE_DELETE, nil, windows.OPEN_EXISTING, windows.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		if errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return Some
		}
		return Nobody // opening it for sending says what is wrong
	}
	_ = windows.CloseHandle(h)
	return Nobody
}
