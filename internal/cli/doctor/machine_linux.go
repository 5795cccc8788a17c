package doctor

import (
	"golang.org/x/sys/unix"

	"sealgate/internal/fault"
)

// Room tells how much room the disk of a directory has.
func Room(dir string) (free, total int64, err error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, 0, fault.Wrap(fault.Internal, "disk space", err)
	}
	return int64(s.Bavail) * s.Bsize, int64(s.Blocks) * s.Bsize, nil
}

// clockUnsynchronised reports whether the kernel thinks that nobody keeps its clock
// right.
func clockUnsynchronised() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0, err
}
