package poll

import (
	"context"
	"encoding/binary"
	"path"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
	"sealgate/internal/transfer/vpath"
)

// far is a file there.
type far struct {
	path  string // for the server
	name  vpath.Path
	entry remote.Entry  // the newest look at it
	look  *remotes.Look // what is known of it

	marked bool // its done-marker is surely not that of a file before it

	shifted *remotes.Look // it was taken, and may be the same file at another hour; this was known before
}

// listing is what lies there.
type listing struct {
	files []*far
	whole bool // every folder was listed to its end

	fresh int  // files that were not known
	full  bool // it was told that no more can be

	ready []*far // to be taken
	due   []*far // were taken, and are to be deleted or moved
}

// maxNames bounds what the paths of a visit take in memory.
const maxNames = 64 << 20

// folder is one to be listed: its path for the server, and below Dir.
type folder struct {
	path, below string
	depth       int
}

// list looks into the folder and those below it, as deep as it may.
func (v *visit) list(ctx context.Context) (*listing, error) {
	l := &listing{whole: true}
	root := path.Clean(v.Dir) // "." if it is empty
	entries, room := 0, maxNames
	for next := []folder{{path: root}}; len(next) > 0; next = next[1:] {
		at := next[0]
		found, err := v.session.List(ctx, at.path)
		if err != nil {
			if at.below == "" {
				return nil, err
			}
			l.whole = false
			if err := v.problem(ctx, at.path, err); err != nil {
				return nil, err
			}
			continue
		}
		if entries += len(found); entries > v.Limits.Entries {
			l.whole = false
			found = found[:max(0, len(found)-(entries-v.Limits.Entries))]
			_ = v.problem(ctx, at.path, why.Endless.New(fault.TooLarge, "poll: list",
				"there are more than %d names in the folder; only those are looked at: move files that are done to another folder", v.Limits.Entries))
		}
		for i, e := range found {
			if room -= len(at.path) + len(e.Name); room < 0 {
				l.whole, found = false, found[:i]
				_ = v.problem(ctx, at.path, why.Endless.New(fault.TooLarge, "poll: list",
					"the names in the folders are longer than %d MiB together; only those are looked at: move files that are done to another folder", maxNames>>20))
				break
			}
		}
		next = append(next, v.sort(ctx, l, at, found)...)
		if entries > v.Limits.Entries || room < 0 {
			break
		}
	}
	v.result.Seen = len(l.files)
	return l, nil
}

// sort takes what is meant out of a folder, and returns the folders to be looked into.
func (v *visit) sort(ctx context.Context, l *listing, at folder, found []remote.Entry) (folders []folder) {
	markers := map[string]remote.Entry{}
	if v.Marker != "" {
		for _, e := range found {
			if e.Kind == remote.Regular && strings.HasSuffix(e.Name, v.Marker) {
				markers[e.Name] = e
			}
		}
	}
	for _, e := range found {
		there, below := path.Join(at.path, e.Name), path.Join(at.below, e.Name)
		_, isMarker := markers[e.Name]
		switch {
		case e.Kind == remote.Unusable:
			_ = v.problem(ctx, at.path, why.BadName.New(fault.Invalid, "poll: list",
				"the name %s cannot be that of a file; it is not taken, rename it there", e.Name))
		case strings.HasPrefix(e.Name, "."): // hidden, or on its way
		case e.Kind == remote.Folder && at.depth < v.Depth && !strings.EqualFold(there, v.moved()): // some servers do not tell case apart
			folders = append(folders, folder{there, below, at.depth + 1})
		case e.Kind != remote.Regular, isMarker, !v.Names.Has(below):
		default:
			f := &far{path: there, entry: e}
			if v.finished(ctx, f, markers) && v.fit(ctx, f) {
				l.files = append(l.files, f)
			}
		}
	}
	return folders
}

// finished reports whether the done-marker of a file lies beside it, if it is to have
// one. A marker that is older than the file is that of another file, which lay there
// under this name.
func (v *visit) finished(ctx context.Context, f *far, markers map[string]remote.Entry) bool {
	if v.Marker == "" || v.took(f.path, f.entry) {
		return true
	}
	marker, ok := markers[f.entry.Name+v.Marker]
	if !ok {
		return false
	}
	if f.entry.ModTime.IsZero() || marker.ModTime.IsZero() {
		return true
	}
	coarse := max(f.entry.Precision, marker.Precision, time.Second)
	if marker.ModTime.Truncate(coarse).Before(f.entry.ModTime.Truncate(coarse)) {
		if v.now().Sub(f.entry.ModTime) > tellMarker {
			_ = v.problem(ctx, f.path, why.OldMarker.New(fault.TryLater, "poll: list",
				"the done-marker is older than the file, so it is not about this one; the file is fetched when the marker is written again"))
		}
		return false
	}
	f.marked = coarse == time.Second
	return true
}

// tellMarker is how long a file may be without a marker of its own, beside that of one
// before, until it is told: it may well be that it is still being written.
const tellMarker = time.Hour

// took reports whether a file is one that was taken, and is still to be deleted or
// moved: its marker may have gone before it.
func (v *visit) took(there string, e remote.Entry) bool {
	look := v.looks[string(v.pathMAC(there))]
	return look != nil && look.Result == taken && listed(look, e)
}

// fit reports whether a file can be taken by its name and size, and tells when it can
// not though it is meant.
func (v *visit) fit(ctx context.Context, f *far) bool {
	name, err := vpath.Parse(f.entry.Name)
	switch {
	case err != nil:
		_ = v.problem(ctx, f.path, why.BadName.New(fault.Invalid, "poll: list", "%s: it is not taken, rename it there", fault.Message(err)))
	case name.Temporary(v.temporary):
	case f.entry.Size > v.Limits.Bytes:
		_ = v.problem(ctx, f.path, why.TooLarge.New(fault.TooLarge, "poll: list", "the file is larger than %d MiB; it is not taken", v.Limits.Bytes>>20))
	default:
		f.name = name
		return true
	}
	return false
}

// moved is the folder that files are moved to.
func (v *visit) moved() string {
	return moved(v.Dir, v.After.Move)
}

func moved(dir, move string) string {
	switch {
	case move == "":
		return ""
	case path.IsAbs(move):
		return path.Clean(move)
	}
	return path.Join(dir, move)
}

// CheckMove refuses a folder for what was taken that is the one that is looked into, or
// may be it: every file would be a new one again.
func CheckMove(dir, move string) error {
	const op = "poll: move"
	switch {
	case move == "":
		return nil
	case path.IsAbs(move) && !path.IsAbs(dir):
		return fault.New(fault.Invalid, op, "files cannot be moved to an absolute folder from one that is relative to the login: it cannot be known whether they are the same; say both in one way")
	case strings.EqualFold(moved(dir, move), path.Clean(dir)):
		return fault.New(fault.Invalid, op, "files cannot be moved to the folder that they are fetched from: they would be fetched again and again")
	}
	return nil
}

// pathMAC is what a path there is known by.
func (v *visit) pathMAC(there string) []byte {
	mac := v.rec.MAC("duplicates", v.Remote[:], []byte(there))
	return mac[:]
}

// delivery is what makes a delivery the same one, but for its content (R2).
func (v *visit) delivery(f *far) [][]byte {
	at := f.entry.ModTime
	if f.shifted != nil {
		at = f.look.ModTime
	}
	return [][]byte{v.Remote[:], []byte(f.path), number(f.entry.Size), number(micros(at))}
}

// seenMAC is what a file that was taken is found by in the ledger: path, size and time.
func (v *visit) seenMAC(look *remotes.Look) []byte {
	mac := v.rec.MAC("duplicates", look.PathMAC, number(look.Size), number(micros(look.ModTime)))
	return mac[:]
}

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// micros is a time as the catalog keeps it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}
