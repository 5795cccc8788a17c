package agent

import "runtime/debug"

// rest gives back what only work needs, once there has been none for a while: the
// agent idles most of its life, on machines that have other things to do.
func (a *Agent) rest() {
	debug.FreeOSMemory()
	unmap()
}
