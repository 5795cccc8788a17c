package agent

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unmap takes the pages of the program itself out of this process, those that are as
// they are on the disk: half of what an idle agent would hold is code that a start and
// a burst of files have touched. What is needed is mapped again where it is needed.
func unmap() {
	self, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		// 00400000-00bd5000 r-xp 00000000 fe:01 1234 /usr/bin/connect
		f := strings.Fields(line)
		if len(f) != 6 || f[5] != self || strings.Contains(f[1], "w") {
			continue
		}
		from, to, ok := strings.Cut(f[0], "-")
		begin, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if !ok || err1 != nil || err2 != nil || end <= begin {
			continue
		}
		// What is private and unwritten is only forgotten; who fails keeps it.
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(begin), uintptr(end-begin), unix.MADV_DONTNEED)
	}
}
