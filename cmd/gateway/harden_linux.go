package main

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"

	"sealgate/internal/fault"
)

// harden keeps this process's memory, which holds keys, out of core files and away
// from other processes of the same user.
func harden() error {
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
	)
}

// diskSpace tells how much room the disk of a directory has.
func diskSpace(dir string) (free, total int64, err error) {
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

// workers is how many files are indexed at a time.
func workers() int { return max(2, runtime.NumCPU()) }
