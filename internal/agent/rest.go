package agent

import (
	"context"
	"runtime"
	"runtime/debug"
)

// rest gives back what only work needs, once there has been none for a while: the
// agent idles most of its life, on machines that have other things to do.
func (a *Agent) rest() {
	a.client.Close() // connections that nothing is said on, and their buffers
	a.journal.Shrink(context.Background())
	runtime.GC() // what is pooled lives through one collection, and a stack that was long is half as long after each
	runtime.GC()
	debug.FreeOSMemory()
	a.mapped.unmap()
}
