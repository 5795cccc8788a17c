package campaign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sealgate/internal/browsertest"
)

// peak is the most memory that the gateway's process ever took, in bytes.
func (g *gateway) peak() int64 {
	g.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	g.check(err)
	var kilobytes int64
	for line := range bytes.Lines(status) {
		if _, err := fmt.Sscanf(string(line), "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	g.t.Fatal("the kernel does not say how much memory the gateway takes")
	return 0
}

// A person sends a large file from a browser while the network is cut, the gateway is
// killed and the browser is killed: it goes on each time from where it was, one file
// comes of it, bit for bit, and the gateway's memory stays flat.
func TestCampaignBrowserUploadThroughKillings(t *testing.T) {
	size := int64(pick(32<<20, 1<<30))
	g := newGateway(t, "")
	g.account("acme", "keep")
	anna := g.person("acme", "anna", "uploader")
	name := filepath.Join(t.TempDir(), "salaries-2026-11.bin")
	f, err := os.Create(name)
	g.check(err)
	sum := sha256.New()
	_, err = io.CopyN(io.MultiWriter(f, sum), rand.NewChaCha8([32]byte{7}), size)
	g.check(err)
	g.check(f.Close())

	way := newRoad(t, func() string { return g.addr("https") })
	trust, profile := g.certificate(), t.TempDir()
	b := browsertest.Start(t, browsertest.Options{Trust: trust, Profile: profile})
	anna.Page = b.Open("https://"+way.addr(), browsertest.Wide)
	anna.Expect("Failed to load resource|net::ERR")
	anna.signIn("/a/acme/upload")
	anna.Wait("document.querySelector('.scripted')")
	cut := way.after(size / 5)
	anna.Drop("#upload", name)

	way.wait(t, cut) // the network
	anna.WaitText(".upload-state", "Trying again")
	cut = way.after(size / 5)
	way.open()

	way.wait(t, cut) // the gateway
	peak := g.peak()
	g.kill()
	g.start()
	cut = way.after(size / 5)
	way.open()

	way.wait(t, cut) // the browser
	b.Kill()
	way.open()
	b = browsertest.Start(t, browsertest.Options{Trust: trust, Profile: profile})
	anna.Page = b.Open("https://"+way.addr(), browsertest.Wide)
	anna.signIn("/a/acme/upload")
	anna.WaitText(".upload-state", "Choose the same file again")
	sent := way.up
	anna.Drop("#upload", name)
	anna.WaitFor(20*time.Minute, "document.querySelector('.result')")

	if again := way.up - sent; again > size*3/5 {
		t.Errorf("%d of %d bytes were sent after three fifths had been", again, size)
	}
	list := g.named("acme", "salaries-2026-11.bin", 1)
	if list[0].Size != size || list[0].SHA256 != hex.EncodeToString(sum.Sum(nil)) {
		t.Errorf("%+v is not what was sent", list[0])
	}
	g.settle(time.Minute)
	peak = max(peak, g.peak())
	t.Logf("the gateway took %d MiB at most for %d MiB", peak>>20, size>>20)
	if peak > 256<<20 {
		t.Errorf("the gateway took %d MiB", peak>>20)
	}
}
