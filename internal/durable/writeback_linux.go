package durable

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriteback queues the dirty pages of a range for writing and returns.
// SYNC_FILE_RANGE_WRITE alone neither waits nor takes note of errors: those
// stay for the fsync to come. A refusal (a file system without it) costs
// nothing but the head start, so it is not reported.
func startWriteback(f *os.File, offset, length int64) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SyncFileRange(int(fd), offset, length, unix.SYNC_FILE_RANGE_WRITE)
	})
}
