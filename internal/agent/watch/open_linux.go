package watch

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Writers says whether somebody has the file open for writing: a read lease is refused
// then (fcntl(2), F_SETLEASE). Of another user's file that takes CAP_LEASE, which the
// service has; a file system without leases tells nothing.
func Writers(path string) Writing {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return Nobody // opening it for sending says what is wrong
	}
	defer f.Close()
	if _, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	switch err {
	case nil:
		return Nobody
	case unix.EAGAIN:
		return Some
	}
	return Untold
}
