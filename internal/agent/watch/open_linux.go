package watch

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// beingWritten reports whether somebody has the file open for writing: a read lease
// is refused then (fcntl(2), F_SETLEASE). Who may take no lease here, because the
// file is another user's or the file system has none, is told nothing.
func beingWritten(path string) bool {
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
