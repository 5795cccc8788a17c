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
	bar := progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(Clean(what)),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	return io.TeeReader(r, bar), func() { _ = bar.Finish() }
}
