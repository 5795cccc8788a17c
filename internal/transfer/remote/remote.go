// Package remote is what the gateway asks of a customer's own server: to list, fetch,
// leave, rename and remove files. Its rooms sftp and ftps speak the protocols;
// remotetest runs one suite of tests against both and real servers.
//
// A Session is one sign-in on one server. It does one thing at a time: between Open
// and the Close of the file, nothing else may be asked. When a context ends, or the
// server leaves an answer or the next bytes of a file out for longer than the
// Server's Timeout, the connection is cut; everything after that fails, and the
// caller connects anew.
//
// A server may be broken, or somebody else's. What it says is bounded, and is taken
// for true only as far as it agrees with itself: the end of a file is reported as
// io.EOF after as many bytes as the server had named, never before and never after
// more; what was written is there when the server was asked back for its size. Names
// that cannot be one element of a path never leave this package as such.
//
// Paths are separated by "/". One that begins with it is absolute, any other begins
// in the folder that the login starts in.
package remote

import (
	"context"
	"io"
	"strings"
	"time"

	"sealgate/internal/fault"
)

// Session is a sign-in on a server.
type Session interface {
	// List returns what is in a folder, in no order, without "." and "..".
	List(ctx context.Context, dir string) ([]Entry, error)
	// Stat returns what the server knows about a file or folder; of a link, about
	// what it leads to where the protocol can say.
	Stat(ctx context.Context, path string) (Entry, error)
	// Open starts to read a file at an offset; that it may not be read may be said by the
	// first Read. The context counts until Close.
	Open(ctx context.Context, path string, offset int64) (*File, error)
	// Create writes a new file, asks the server back what it has, and returns that as
	// proof. A name that is taken is a fault.Exists. On any other error a part of the
	// file may lie there.
	Create(ctx context.Context, path string, content io.Reader) (Proof, error)
	// Rename gives a file another name. One that is taken is a fault.Exists unless
	// replace is set. Some servers leave an instant between look and act.
	Rename(ctx context.Context, from, to string, replace bool) error
	// Remove removes a file, never a folder.
	Remove(ctx context.Context, path string) error
	// Mkdir makes one folder; one that is there is a fault.Exists.
	Mkdir(ctx context.Context, path string) error
	// Close ends the session. It does not wait for a server that does not answer.
	Close() error
}

// Kind is what an entry of a folder is.
type Kind uint8

// The kinds of entries.
const (
	Regular  Kind = iota // a file
	Folder               // a folder
	Link                 // a symbolic link; Stat says to what
	Other                // a device, a socket, or what the server does not tell
	Unusable             // a name that is none; Name is it in quotes, to be shown and not to be opened
)

// Entry is a file or folder as the server tells of it.
//
// A time may be less exact than it looks, and less exact in a folder's listing than
// from Stat; in listings of old servers it even gets coarser as the file ages. So
// times are compared down to the coarser of two precisions, and what is remembered
// for long is the time that Stat gives.
type Entry struct {
	Name      string // the last element of its path
	Kind      Kind
	Size      int64         // -1 = the server does not tell
	ModTime   time.Time     // UTC; zero = the server does not tell
	Precision time.Duration // of ModTime: a second, a minute, or a day
	Local     bool          // ModTime may be the server's local time: all times may shift by an hour some day
}

// Shifted reports whether f shows the same file as e when the clocks of its server's
// zone were put forward or back in between.
func (e Entry) Shifted(f Entry) bool {
	if !f.Local || e.ModTime.IsZero() || f.ModTime.IsZero() {
		return false
	}
	earlier, later := f, f
	earlier.ModTime, later.ModTime = f.ModTime.Add(-time.Hour), f.ModTime.Add(time.Hour)
	return f.Precision < time.Hour && (e.Same(earlier) || e.Same(later))
}

// Same reports whether two looks at a file show the same size and time, as far as
// both are told. What is not told is no sign of a change.
func (e Entry) Same(f Entry) bool {
	if e.Size >= 0 && f.Size >= 0 && e.Size != f.Size {
		return false
	}
	if e.ModTime.IsZero() || f.ModTime.IsZero() {
		return true
	}
	coarse := max(e.Precision, f.Precision, time.Second)
	return e.ModTime.Truncate(coarse).Equal(f.ModTime.Truncate(coarse))
}

// File is a file that is being read. Read gives io.EOF only when as many bytes have
// come as Entry says, and the server has said in its protocol that this is the end.
type File struct {
	io.ReadCloser
	Entry Entry // as seen when it was opened
}

// Proof is what the server has, after a file was written to it.
type Proof struct {
	Size   int64    // that the server names, equal to what was sent
	SHA256 [32]byte // of what was sent
	Hash   string   // how the server confirmed it ("SHA-256"); "" = it does not offer that
}

// MaxListing bounds, in bytes on the wire, what a server may send as one listing;
// about 150,000 files.
const MaxListing = 32 << 20

// maxPath is what the longest-minded systems take.
const maxPath = 4096

// CheckPath refuses what is no path, or would be something else on the wire.
func CheckPath(path string) error {
	const op = "remote: path"
	if path == "" || len(path) > maxPath {
		return fault.New(fault.Invalid, op, "a path on the server has 1 to %d bytes", maxPath)
	}
	if strings.ContainsFunc(path, control) {
		return fault.New(fault.Invalid, op, "a path on the server holds no line breaks or other control characters")
	}
	for element := range strings.SplitSeq(path, "/") {
		if element == ".." {
			return fault.New(fault.Invalid, op, `a path on the server holds no ".."`)
		}
	}
	return nil
}

// usable reports whether a name from a listing can be one element of a path, here
// and on servers that take backslashes for slashes.
func usable(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 1024 &&
		!strings.ContainsFunc(name, control) && !strings.ContainsAny(name, `/\`)
}

func control(r rune) bool { return r < 0x20 || r == 0x7f }
