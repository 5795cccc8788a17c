//go:build !linux

package agent

// unmap does nothing: this platform trims what an idle program holds by itself, or not
// at all.
func unmap() {}
