//go:build killpoints

package killpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

var (
	name, times = target(os.Getenv("SEALGATE_KILL_AT"))
	seen        atomic.Int64
)

func target(text string) (string, int64) {
	name, count, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil || n < 1 {
		n = 1
	}
	return name, n
}

// At kills the process when it was told to die here.
func At(here string) {
	if here != name || seen.Add(1) != times {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // the signal is on its way; not one step further
}
