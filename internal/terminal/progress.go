package terminal

import (
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// worthShowing is the size below which work is over before a bar is read.
const worthShowing = 16 << 20

// IsTerminal reports whether somebody is looking at w.
func IsTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Progress shows a bar on w while r, of this size, is read. It shows none when
// nobody is looking or when there is little to read. done clears the bar.
func Progress(w io.Writer, r io.Reader, size int64, what string) (reader io.Reader, done func()) {
	if size < worthShowing || !IsTerminal(w) {
		return r, func() {}
	}
	bar := newBar(w, size, what)
	return io.TeeReader(r, bar), func() { _ = bar.Finish() }
}

// Meter shows a bar on w for work that tells by itself how far it is; step is nil
// when nobody is looking. done clears the bar.
func Meter(w io.Writer, what string) (step func(done, total int64), done func()) {
	if !IsTerminal(w) {
		return nil, func() {}
	}
	bar := newBar(w, -1, what)
	return func(done, total int64) {
		bar.ChangeMax64(total)
		_ = bar.Set64(done)
	}, func() { _ = bar.Finish() }
}

// Counter shows a bar on w for work that is counted in things, not bytes; step does
// nothing when nobody is looking. done clears the bar.
func Counter(w io.Writer, what string) (step func(done, total int64), done func()) {
	if !IsTerminal(w) {
		return func(int64, int64) {}, func() {}
	}
	bar := progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(Clean(what)), progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
	)
	return func(done, total int64) {
		bar.ChangeMax64(total)
		_ = bar.Set64(done)
	}, func() { _ = bar.Finish() }
}

func newBar(w io.Writer, size int64, what string) *progressbar.ProgressBar {
	return progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(Clean(what)),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
}
