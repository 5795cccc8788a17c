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
	if self, err := os.Executable(); err == nil {
		unmapFile(self)
	}
}

// unmapFile does so for what is mapped of one file. What is not written now may have
// been written to before, as the relocations of a program that is linked to stand
// anywhere: the kernel counts such pages as anonymous, and they are nowhere else.
func unmapFile(name string) {
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	var m mapping
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 3 && f[0] == "Anonymous:":
			m.anonymous = f[1]
		case len(f) == 3 && f[0] == "Swap:":
			m.swapped = f[1]
		case len(f) > 1 && f[0] == "VmFlags:": // the last of a mapping
			if m.file == name && !strings.Contains(m.rights, "w") && m.anonymous == "0" && m.swapped == "0" {
				m.forget()
			}
			m = mapping{}
		case len(f) == 6 && !strings.HasSuffix(f[0], ":"):
			// 00400000-00bd5000 r-xp 00000000 fe:01 1234 /usr/bin/connect
			m = mapping{addresses: f[0], rights: f[1], file: f[5]}
		}
	}
}

// mapping is one of /proc/self/smaps, as it says it.
type mapping struct{ addresses, rights, file, anonymous, swapped string }

// forget gives its pages back; who fails keeps them.
func (m mapping) forget() {
	from, to, _ := strings.Cut(m.addresses, "-")
	begin, err1 := strconv.ParseUint(from, 16, 64)
	end, err2 := strconv.ParseUint(to, 16, 64)
	if err1 != nil || err2 != nil || end <= begin {
		return
	}
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(begin), uintptr(end-begin), unix.MADV_DONTNEED)
}
