package remotetest

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/transfer/remote"
)

// benchmarked is how long the file is that BenchmarkPull fetches.
const benchmarked = 256 << 20

// BenchmarkPull measures how one big file is fetched, sign-in and all, and thrown away:
// by this client, and by other programs that are told to fetch the file "big" in the
// folder.
func BenchmarkPull(b *testing.B, p Place, connect func(context.Context) (remote.Session, error), others map[string]*exec.Cmd) {
	if err := os.WriteFile(filepath.Join(p.Disk, "big"), Bytes(benchmarked, 1), 0o644); err != nil {
		b.Fatal(err)
	}
	b.Run("sealgate", func(b *testing.B) {
		b.SetBytes(benchmarked)
		for b.Loop() {
			session, err := connect(b.Context())
			if err != nil {
				b.Fatal(err)
			}
			f, err := session.Open(b.Context(), p.Dir+"/big", 0)
			if err != nil {
				b.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, f); err != nil || n != benchmarked {
				b.Fatal(n, err)
			}
			_ = f.Close()
			_ = session.Close()
		}
	})
	for name, program := range others {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(benchmarked)
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
