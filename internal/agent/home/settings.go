package home

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealgate/internal/config/yamlfile"
	"sealgate/internal/fault"
	"sealgate/internal/transfer/glob"
)

// Settings are the checked settings of connect.yaml.
type Settings struct {
	Gateway   string // URL, or empty: the one it was enrolled at
	Proxy     string // URL of a proxy, "direct" for none, or empty: as the system says
	CA        string // PEM file of an authority to believe besides the system's
	Folders   []Folder
	Outbox    string    // the folder that fetched files are written to; empty: nothing is fetched
	As        Form      // how fetched files are written
	AccessKey string    // file of a customer-held access key, for fetching and the weekly check
	Bandwidth Bandwidth // of what is sent
	Parallel  int       // files sent at a time
	Status    string    // host:port of the status page, or empty
	LogLevel  string
}

// Folder is one watched folder.
type Folder struct {
	Path       string // absolute
	Files      glob.Set
	Settle     time.Duration // unchanged for so long before it is taken
	Untold     time.Duration // the same, where nobody tells whether it is open for writing
	After      After
	Subfolders bool
	Ordered    bool // one by one, oldest first
}

// After is what becomes of a file that was received.
type After string

// What becomes of files that were received.
const (
	Move   After = "move"   // into sent/ beside it
	Delete After = "delete" //
	Leave  After = "leave"  // of files that a person named: not for folders
)

// Sent is the folder that sent files are moved to, beside where they were found.
const Sent = "sent"

// Form is how fetched files are written.
type Form string

// The forms of fetched files.
const (
	Opened Form = "opened"
	Sealed Form = "sealed"
)

// Bandwidth is bytes a second; 0 = no limit.
type Bandwidth int64

const (
	defaultSettle   = 2 * time.Second
	defaultUntold   = 30 * time.Second
	defaultParallel = 4
	maxParallel     = 16
	maxFolders      = 1000
)

// Settings reads connect.yaml; without one, all is as by default.
func (h Home) Settings() (*Settings, error) {
	name := h.Config()
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Invalid, "home: settings", "cannot read the settings: %v", err)
	}
	return parseSettings(name, text)
}

// parseSettings reads settings out of the text of a file of this name.
func parseSettings(name string, text []byte) (*Settings, error) {
	found, err := format.Read(name, text)
	if err != nil {
		return nil, err
	}
	s := &Settings{As: Opened, Parallel: defaultParallel, LogLevel: "info"}
	c := checker{Settings: s, name: name, base: filepath.Dir(name)}
	for _, one := range found {
		if err := c.in(one); err != nil {
			return nil, err
		}
		if err := keys[one.Name](&c, one.Value); err != nil {
			return nil, c.refuse(one.Line, "%s: %v", one.Name, err)
		}
	}
	return s, c.finish()
}

// checker fills settings, one found value after the other.
type checker struct {
	*Settings
	name, base string
	lines      []int // where each folder begins
}

func (c *checker) refuse(line int, format string, args ...any) error {
	return fault.New(fault.Invalid, "home: settings", "%s:%d: %s", c.name, line, fmt.Sprintf(format, args...))
}

// in begins the folder that a setting belongs to, when it is its first.
func (c *checker) in(s yamlfile.Setting) error {
	if s.Item < len(c.Folders) || !strings.HasPrefix(s.Name, "folders.") {
		return nil
	}
	if len(c.Folders) >= maxFolders {
		return c.refuse(s.Line, "more than %d folders", maxFolders)
	}
	c.Folders = append(c.Folders, Folder{Settle: defaultSettle, Untold: defaultUntold, After: Move})
	c.lines = append(c.lines, s.Line)
	return nil
}

// folder is the one that is being filled.
func (c *checker) folder() *Folder { return &c.Folders[len(c.Folders)-1] }

// finish refuses settings that each fit and do not fit together.
func (c *checker) finish() error {
	for i, f := range c.Folders {
		if f.Path == "" {
			return c.refuse(c.lines[i], "this folder has no path")
		}
		if err := f.Files.Check(); err != nil {
			return c.refuse(c.lines[i], "%s", fault.Message(err))
		}
		for j, other := range c.Folders[:i] {
			if overlap(f, other) {
				return c.refuse(c.lines[i], "%s and %s (line %d) hold the same files, which would be sent twice", f.Path, other.Path, c.lines[j])
			}
		}
		if c.Outbox != "" && overlap(f, Folder{Path: c.Outbox}) {
			return c.refuse(c.lines[i], "%s holds the folder of fetched files, which would be sent back", f.Path)
		}
	}
	return nil
}

// overlap reports whether one folder holds files of the other, waiting or sent: by their
// paths, in whatever case, and whatever their patterns say.
func overlap(a, b Folder) bool {
	pa, pb := strings.ToLower(a.Path), strings.ToLower(b.Path)
	inside := func(dir Folder, path, other string) bool {
		return dir.Subfolders && strings.HasPrefix(other, strings.TrimSuffix(path, string(filepath.Separator))+string(filepath.Separator))
	}
	sent := func(dir, other string) bool {
		return strings.HasPrefix(other+string(filepath.Separator), filepath.Join(dir, strings.ToLower(Sent))+string(filepath.Separator))
	}
	return pa == pb || inside(a, pa, pb) || inside(b, pb, pa) || sent(pa, pb) || sent(pb, pa)
}
