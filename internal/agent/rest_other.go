//go:build !linux

package agent

// program is what this process runs. This platform trims what an idle program holds by
// itself, or not at all.
type program struct{}

func (*program) unmap() {}
