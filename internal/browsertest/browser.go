// Package browsertest drives a real Chromium against a server of ours, and judges
// what a person would meet there.
//
//	b := browsertest.Start(t, browsertest.Options{Trust: cert})
//	p := b.Open(url, browsertest.Wide)
//	p.Goto("/sign-in")
//	p.Type("[name=username]", "anna")
//	p.Click("button[type=submit]")
//	p.WaitText("h1", "Overview")
//	p.Accessible()
//
// A page fails its test by itself when it
//
//   - writes an error to the console, throws, or is stopped by its content policy,
//   - asks anything of another origin than the one it was opened for.
//
// What a test brings about on purpose it announces with Page.Expect. Every action
// waits until it can be done, at most Patience; the test fails where it cannot.
package browsertest

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"sealgate/internal/needtest"
)

// Patience is how long a page may take for what a test waits for.
const Patience = time.Minute

// Options are how a browser starts.
type Options struct {
	// Trust is the certificate that servers show; the browser takes no other that no
	// authority has signed.
	Trust *x509.Certificate
	// Profile is where the browser keeps what outlives it; "" = a directory of its own.
	Profile string
}

// Browser is one running Chromium.
type Browser struct {
	t       testing.TB
	ctx     context.Context
	end     func()
	process *os.Process
}

// Start starts a browser. It ends with the test.
func Start(t testing.TB, opt Options) *Browser {
	t.Helper()
	if opt.Profile == "" {
		opt.Profile = t.TempDir()
	}
	args := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(opt.Profile), chromedp.DisableGPU,
		// No service of its maker's is asked for anything.
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true),
		chromedp.Flag("disable-field-trial-config", true),
	)
	if opt.Trust != nil {
		key := sha256.Sum256(opt.Trust.RawSubjectPublicKeyInfo)
		args = append(args, chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(key[:])))
	}
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), args...)
	ctx, cancel := chromedp.NewContext(allocator, chromedp.WithErrorf(func(string, ...any) {}))
	b := &Browser{t: t, ctx: ctx, end: sync.OnceFunc(func() {
		cancel()
		endAllocator()
	})}
	if err := chromedp.Do(ctx); err != nil {
		b.end()
		t.Fatalf("Chromium does not start: %v", err)
	}
	b.process = chromedp.FromContext(ctx).Browser.Process()
	t.Cleanup(b.end)
	return b
}

// chromium finds the browser.
func chromium(t testing.TB) string {
	for _, name := range []string{"chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return needtest.Program(t, "chromium")
}

// Kill ends the browser as a crash does. Its pages are gone; what it had written to
// its profile is there.
func (b *Browser) Kill() {
	_ = b.process.Kill()
	b.end()
}

// Close ends the browser as a person does.
func (b *Browser) Close() {
	_ = chromedp.Cancel(b.ctx)
	b.end()
}
