// Package watch finds files in the folders that an ERP writes to, once they are
// finished.
//
// A scan is the truth: it lists the folder and compares with the scan before. What
// the operating system tells of changes only brings the next scan forward, since
// network shares tell nothing. A file is ready when
//
//   - it is a regular file, no link, and its patterns mean it;
//   - its name is not one that programs give to what they have not finished;
//   - size and time were the same in two scans at least the settle time apart;
//   - nobody has it open for writing, where the platform tells: Windows does, Linux
//     does of local file systems, macOS does not. Where nobody tells, it has to have
//     been the same for longer, unless the settings say how long.
//
// The folder sent/ is never looked into. A folder that cannot be read, as a share
// that has vanished, is said and tried again; nothing that was found there is
// forgotten for it.
package watch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/fault"
	"sealgate/internal/transfer/vpath"
)

const (
	maxEntries = 200_000          // in a folder, with its subfolders
	maxDepth   = 32               // of subfolders
	retell     = 10 * time.Minute // until a file that is still there is told again
)

// Scanner looks into one folder again and again. One goroutine uses it.
type Scanner struct {
	folder home.Folder
	looks  map[string]*look // by path
}

// look is what is known of one file.
type look struct {
	size     int64
	modified time.Time
	since    time.Time // when it was seen like this first
	told     time.Time // when it was handed on; zero = not yet
}

// New returns a scanner of the folder.
func New(folder home.Folder) *Scanner {
	return &Scanner{folder: folder, looks: map[string]*look{}}
}

// Result is what a scan found.
type Result struct {
	Ready   []journal.Source // in the order of their times, then of their names
	Next    time.Time        // when more may be ready; zero = nothing is about to be
	Folders []string         // all that were looked into
}

// Scan looks once.
func (s *Scanner) Scan(now time.Time) (Result, error) {
	w := walk{s: s, now: now, seen: map[string]bool{}}
	if err := w.dir(s.folder.Path, "", 0); err != nil {
		return w.Result, err
	}
	for path := range s.looks {
		if !w.seen[path] {
			delete(s.looks, path)
		}
	}
	sortByTime(w.Ready)
	return w.Result, nil
}

type walk struct {
	Result
	s       *Scanner
	now     time.Time
	entries int
	seen    map[string]bool
}

func (w *walk) dir(dir, below string, depth int) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if below != "" && errors.Is(err, fs.ErrNotExist) {
			return nil // it was removed in this moment
		}
		return unreadable(dir, err)
	}
	w.Folders = append(w.Folders, dir)
	if w.entries += len(entries); w.entries > maxEntries {
		return fault.New(fault.TooLarge, "watch: scan", "%s holds more than %d files and folders; watch folders that hold less", w.s.folder.Path, maxEntries)
	}
	for _, e := range entries {
		rel := e.Name()
		if below != "" {
			rel = below + "/" + e.Name()
		}
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			if w.s.folder.Subfolders && !strings.EqualFold(e.Name(), home.Sent) && !strings.HasPrefix(e.Name(), ".") && depth < maxDepth {
				if err := w.dir(path, rel, depth+1); err != nil {
					return err
				}
			}
		case e.Type().IsRegular() && w.s.folder.Files.Has(rel) && !Unfinished(e.Name()):
			info, err := e.Info()
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return unreadable(path, err)
			}
			w.file(path, info)
		}
	}
	return nil
}

// file looks at one file.
func (w *walk) file(path string, info fs.FileInfo) {
	w.seen[path] = true
	l := w.s.looks[path]
	if l == nil || l.size != info.Size() || !l.modified.Equal(info.ModTime()) {
		w.s.looks[path] = &look{size: info.Size(), modified: info.ModTime(), since: w.now}
		w.wait(w.now.Add(w.s.folder.Settle))
		return
	}
	if due := l.since.Add(w.s.folder.Settle); w.now.Before(due) {
		w.wait(due)
		return
	}
	if !l.told.IsZero() && w.now.Sub(l.told) < retell {
		return
	}
	switch Writers(path) {
	case Some:
		w.wait(w.now.Add(max(w.s.folder.Settle, time.Second)))
		return
	case Untold:
		if due := l.since.Add(w.s.folder.Untold); w.now.Before(due) {
			w.wait(due)
			return
		}
	}
	l.told = w.now
	w.Ready = append(w.Ready, journal.Source{
		Folder: w.s.folder.Path, Path: path, Name: Name(path), Size: info.Size(), Modified: info.ModTime(), After: string(w.s.folder.After),
	})
}

func (w *walk) wait(until time.Time) {
	if w.Next.IsZero() || until.Before(w.Next) {
		w.Next = until
	}
}

// Writing is whether somebody has a file open for writing.
type Writing int

// What can be known of it.
const (
	Nobody Writing = iota
	Some
	Untold // neither the platform nor the file system says
)

// BeingWritten reports whether somebody is known to have the file open for writing.
func BeingWritten(path string) bool { return Writers(path) == Some }

// Again makes the scanner tell all files again that are still there: what it told
// was not taken.
func (s *Scanner) Again() {
	for _, l := range s.looks {
		l.told = time.Time{}
	}
}

// Unfinished reports whether programs give this name to files that they have not
// finished.
func Unfinished(name string) bool {
	p, err := vpath.Parse("/" + name)
	return err == nil && p.Temporary(nil)
}

func unreadable(path string, err error) error {
	const op = "watch: scan"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, op, "the folder %s is not there; if it is a share, see whether it is connected", path)
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Denied, op, "the folder %s may not be read by the account that Connect runs as", path)
	}
	return fault.New(fault.TryLater, op, "the folder %s cannot be read: %v", path, cause(err))
}

// cause is the error without the path, which the sentence has.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
