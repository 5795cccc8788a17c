package agent

import (
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// program is the file that this process runs, as it is mapped here.
type program struct {
	mu  sync.Mutex
	all []mapping // those of its parts that nothing was written to
}

// unmap takes the pages of the program itself out of this process, those that are as
// they are on the disk: half of what an idle agent would hold is code that a start and
// a burst of files have touched. What is needed is mapped again where it is needed.
func (p *program) unmap() {
	self, err := os.Executable()
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = clean(self)
	}
	for _, m := range p.all {
		m.forget()
	}
}

// clean lists what is mapped of a file and as it is there. What is not written now may
// have been written to before, as the relocations of a program that is linked to stand
// anywhere: the kernel counts such pages as anonymous, and they are nowhere else.
func clean(name string) (all []mapping) {
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return nil
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
				all = append(all, m)
			}
			m = mapping{}
		case len(f) == 6 && !strings.HasSuffix(f[0], ":"):
			// 00400000-00bd5000 r-xp 00000000 fe:01 1234 /usr/bin/connect
			m = mapping{addresses: f[0], rights: f[1], file: f[5]}
		}
	}
	return all
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
