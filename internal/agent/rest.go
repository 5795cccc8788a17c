package agent

import (
	"context"
	"runtime/debug"
)

// rest gives back what only work needs, once there has been none for a while: the
// agent idles most of its life, on machines that have other things to do.
func (a *Agent) rest() {
	a.client.Close() // connections that nothing is said on, and their buffers
	a.journal.Shrink(context.Background())
	debug.FreeOSMemory()
	unmap()
}
