// Package doctor looks for what keeps Connect from working, one thing after the
// other, and says in sentences what to do.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"sealgate/internal/agent/control"
	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/watch"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// Finding is one thing that was looked at.
type Finding struct {
	Name     string `json:"name"`
	State    string `json:"state"` // ok, warning or error
	Sentence string `json:"sentence"`
}

// The states of findings.
const (
	OK      = "ok"
	Warning = "warning"
	Failure = "error"
)

// Patient is what is looked at.
type Patient struct {
	Home     home.Home
	Dial     func(*home.Settings) (home.Enrolment, *wire.Client, error)
	Settings func() (*home.Settings, error)
	Running  func(context.Context) error // nil: an agent answers
}

// report collects findings.
type report struct{ all []Finding }

func (r *report) add(name, state, format string, args ...any) bool {
	r.all = append(r.all, Finding{name, state, fmt.Sprintf(format, args...)})
	return state != Failure
}

// Look looks at everything that can be looked at.
func Look(ctx context.Context, p Patient) []Finding {
	r := new(report)
	r.directory(p.Home)
	settings, err := p.Settings()
	if err != nil {
		r.add("settings", Failure, "%s", fault.Message(err))
		return r.all
	}
	r.add("settings", OK, "%s; watched folders: %d.", p.Home.Config(), len(settings.Folders))
	if len(settings.Folders) == 0 {
		r.add("folders", Warning, "No folder is watched. Name them in %s.", p.Home.Config())
	}
	r.journal(ctx, p.Home)
	for _, f := range settings.Folders {
		r.folder(f)
	}
	if settings.Outbox != "" {
		r.outbox(settings.Outbox)
	}
	switch err := p.Running(ctx); {
	case err == nil:
		r.add("service", OK, "Connect is running.")
	case errors.Is(err, control.ErrStopped):
		r.add("service", Failure, "Connect is not running: nothing is sent. Start it with: connect service start (once before: connect service install)")
	default:
		r.add("service", Warning, "%s", fault.Message(err))
	}
	e, c, err := p.Dial(settings)
	if err != nil {
		r.add("enrolment", Failure, "%s", fault.Message(err))
		return r.all
	}
	defer c.Close()
	r.add("enrolment", OK, "This is %s of the account %s at %s.", e.Label, e.Name, e.Gateway)
	r.way(ctx, c)
	return r.all
}

func (r *report) directory(h home.Home) {
	info, err := os.Stat(string(h))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.add("directory", Failure, "%s is not there: enroll first, or name the directory with --dir.", h)
		return
	case err != nil:
		r.add("directory", Failure, "%s cannot be looked at: run this as administrator, or as the account of the service (%v).", h, err)
		return
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		r.add("directory", Failure, "%s is open to other accounts of this machine: chmod 700 it, since who writes there decides which gateway is believed.", h)
		return
	}
	if free, err := durable.Free(durable.OS, string(h)); err == nil && free < littleRoom {
		if free < noRoom {
			r.add("directory", Failure, "The disk of %s is full: nothing is sent until there is room on it, since a receipt could not be kept.", h)
			return
		}
		r.add("directory", Warning, "%s has less than 100 MB of room left: receipts and the journal need some.", h)
		return
	}
	r.add("directory", OK, "%s", h)
}

func (r *report) journal(ctx context.Context, h home.Home) {
	if _, err := os.Stat(h.Journal()); errors.Is(err, fs.ErrNotExist) {
		r.add("journal", OK, "There is no journal yet: nothing was ever sent.")
		return
	}
	j, err := journal.Look(ctx, h.Journal())
	if err != nil {
		r.add("journal", Failure, "%s", fault.Message(err))
		return
	}
	defer j.Close()
	f, err := j.Figures(ctx)
	switch {
	case err != nil:
		r.add("journal", Failure, "%s", fault.Message(err))
	case f.Lost > 0:
		r.add("journal", Failure, "%d files were lost by the gateway and have to be made again: connect status names them.", f.Lost)
	case f.Failed > 0:
		r.add("journal", Warning, "%d of %d waiting files have a problem: %s", f.Failed, f.Waiting, f.Problem)
	default:
		r.add("journal", OK, "Files that wait: %d.", f.Waiting)
	}
}

// folder tries what sending will do there, with a file of its own that no scan takes.
func (r *report) folder(f home.Folder) {
	const name = "folder"
	if _, err := os.ReadDir(f.Path); err != nil {
		r.add(name, Failure, "%s", unreadable(f.Path, err))
		return
	}
	probe := filepath.Join(f.Path, ".sealgate-doctor.part")
	to := probe + ".tmp"
	told, err := tells(probe)
	if err == nil {
		err = os.Rename(probe, to)
	}
	_ = os.Remove(probe)
	if rm := os.Remove(to); err == nil {
		err = rm
	}
	switch {
	case err != nil && full(f.Path):
		r.add(name, Failure, "The disk of %s is full: sent files cannot be moved until there is room on it.", f.Path)
		return
	case err != nil:
		r.add(name, Failure, "Files in %s can be read, but not moved or deleted by the account that doctor runs as (%v): they would be sent and stay. %s", f.Path, pathless(err), letIn(f.Path))
		return
	}
	if info, err := os.Stat(f.Path); err == nil && info.Mode()&fs.ModeSticky != 0 {
		r.add(name, Warning, "In %s everybody may move or delete his own files only (sticky bit): unless Connect runs as who writes them, they would be sent and stay.", f.Path)
		return
	}
	if !told {
		r.add(name, state(f.Untold >= longPause), "%s: nothing here tells whether a program still has a file open for writing, so a file counts as finished when it was unchanged for %s. If your program ever pauses longer, set settle: in connect.yaml, or let it write under a temporary name and rename.",
			f.Path, f.Untold)
		return
	}
	r.add(name, OK, "%s", f.Path)
}

// longPause is longer than programs take between two parts of a file, as a rule.
const longPause = 30 * time.Second

func state(ok bool) string {
	if ok {
		return OK
	}
	return Warning
}

// tells makes a file and reports whether it shows that it is open for writing.
func tells(name string) (bool, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return false, err
	}
	told := watch.BeingWritten(name)
	return told, f.Close()
}

func (r *report) outbox(dir string) {
	f, err := os.CreateTemp(dir, ".sealgate-doctor-*.part")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.add("outbox", Failure, "%s is not there, and fetched files are to be written to it: make the folder, or name another one in connect.yaml (outbox:).", dir)
		return
	case full(dir):
		r.add("outbox", Failure, "%s", outboxFull(dir))
		return
	case err != nil:
		r.add("outbox", Failure, "The account that doctor runs as cannot write to %s (%v), and fetched files are to be written there. %s", dir, pathless(err), letIn(dir))
		return
	}
	f.Close()
	if err := os.Remove(f.Name()); err != nil {
		r.add("outbox", Warning, "What is written to %s cannot be removed again: %v", dir, pathless(err))
		return
	}
	if full(dir) {
		r.add("outbox", Failure, "%s", outboxFull(dir))
		return
	}
	r.add("outbox", OK, "%s", dir)
}

// What room there should be on a disk.
const (
	littleRoom = 100 << 20
	noRoom     = 1 << 20
)

func full(dir string) bool {
	free, err := durable.Free(durable.OS, dir)
	return err == nil && free < noRoom
}

func outboxFull(dir string) string {
	return "The disk of " + dir + " is full: nothing is fetched until there is room on it; it waits at the gateway."
}

// unreadable says what to do about a folder that cannot be listed.
func unreadable(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path + " is not there: make the folder, or name the right one in connect.yaml. " + sharePath
	case errors.Is(err, fs.ErrPermission):
		return path + " may not be read by the account that doctor runs as. " + letIn(path)
	}
	return fmt.Sprintf("%s cannot be read: %v. %s", path, pathless(err), sharePath)
}

const sharePath = `If it is on a share, name it by its path (\\server\share on Windows, not a drive letter), and see that the share is connected.`

// letIn is how the service's account is let into a folder.
func letIn(path string) string {
	switch runtime.GOOS {
	case "windows":
		return `If that is the account of the service, let it in: icacls "` + path + `" /grant "NT SERVICE\sealgate-connect:(OI)(CI)M"`
	case "linux":
		return "If that is the account of the service, let it in: setfacl -m u:sealgate-connect:rwx -m d:u:sealgate-connect:rwX " + path
	}
	return "If that is the account of the service, let it read and write there (Get Info, or chmod +a)."
}

func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// way looks at the way to the gateway, and at this agent's standing there.
func (r *report) way(ctx context.Context, c *wire.Client) {
	if via := c.Way(); via != "" {
		r.add("proxy", OK, "The way to the gateway leads through %s.", via)
	}
	doc, err := c.Gateway(ctx)
	if err != nil {
		r.add("gateway", Failure, "%s", c.Explain(err).Sentence)
		return
	}
	r.add("gateway", OK, "The gateway answers, and is the one that this Connect was enrolled at.")
	if off := c.Offset(); off != 0 {
		word := "behind"
		if off < 0 {
			word = "ahead of"
		}
		r.add("clock", Warning, "The clock of this machine is %s %s the gateway's (there it is %s). Connect reckons with it; set the clock right all the same.",
			off.Abs().Round(time.Second), word, doc.Time.Local().Format("2006-01-02 15:04:05 MST"))
	} else {
		r.add("clock", OK, "The clocks agree.")
	}
	account := new(connect.Account)
	if err := c.Call(ctx, connect.PathAccount, wire.Say(connect.Nothing{}), nil, account); err != nil {
		r.add("standing", Failure, "%s", c.Explain(err).Sentence)
		return
	}
	may := make([]string, 0, len(account.May))
	for _, right := range account.May {
		may = append(may, string(right))
	}
	r.add("standing", OK, "The gateway knows this agent, which may: %s.", strings.Join(may, ", "))
}
