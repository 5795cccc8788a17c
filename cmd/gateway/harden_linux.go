package main

import (
	"errors"
	"runtime"

	"golang.org/x/sys/unix"
)

// harden keeps this process's memory, which holds keys, out of core files and away
// from other processes of the same user.
func harden() error {
	return errors.Join(
		unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}),
		unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0),
	)
}

// workers is how many files are indexed at a time.
func workers() int { return max(2, runtime.NumCPU()) }
