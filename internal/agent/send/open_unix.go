//go:build unix

package send

import (
	"io/fs"
	"syscall"
)

// careful: what was put in the place of a file since it was looked at, a pipe or a
// link, neither blocks nor leads elsewhere.
const careful = syscall.O_NONBLOCK | syscall.O_NOFOLLOW

// links is how many names a file has.
func links(info fs.FileInfo) uint64 {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return uint64(s.Nlink)
}
