package remotetest

import (
	"os/exec"
	"strings"
	"testing"
)

// BenchmarkOthers measures programs that fetch a file of so many bytes, and throw it
// away.
func BenchmarkOthers(b *testing.B, size int64, programs map[string]*exec.Cmd) {
	for name, program := range programs {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				var complaint strings.Builder
				cmd := exec.Command(program.Path, program.Args[1:]...)
				cmd.Stderr = &complaint // what is fetched goes to the null device
				if err := cmd.Run(); err != nil {
					b.Fatalf("%v: %s", err, complaint.String())
				}
			}
		})
	}
}
