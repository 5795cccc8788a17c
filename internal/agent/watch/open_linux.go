package watch

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// BeingWritten reports whether somebody has the file open for writing: a read lease
// is refused then (fcntl(2), F_SETLEASE). Of another user's file that takes CAP_LEASE,
// which the service has; a file system without leases tells nothing.
func BeingWritten(path string) bool {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return false // opening it for sending says what is wrong
	}
	defer f.Close()
	if _, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK); err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return err == unix.EAGAIN
}
