package status

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"

	"sealgate/internal/agent/journal"
	"sealgate/internal/terminal"
)

// Troubles are the sentences about what is wrong, the worst first.
func (s *Status) Troubles() []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if !s.Running {
		say("Connect is not running: nothing is sent. Start it with: connect service start (once before: connect service install)")
	}
	if s.Hold != nil {
		say("Nothing is sent: %s", s.Hold.Sentence)
	}
	if s.Queue.Journal != "" {
		say("%s", s.Queue.Journal)
	}
	if s.Queue.Lost > 0 {
		say("%d files were received by a gateway that has lost them since, and their content is here no more. They have to be made again; they are named below.", s.Queue.Lost)
	}
	for _, f := range s.Folders {
		if f.Trouble != "" {
			say("%s", f.Trouble)
		}
	}
	if s.Queue.Failed > 0 && s.Hold == nil {
		say("%d of the waiting files have a problem; they are named below.", s.Queue.Failed)
	}
	if s.Fetch != nil {
		say("Fetching: %s", s.Fetch.Sentence)
	}
	if s.Check != nil && len(s.Check.Failed) > 0 {
		say("%d kept files do not open with the access key here: see connect open --check.", len(s.Check.Failed))
	}
	if s.Check != nil && s.Check.Trouble != "" {
		say("Whether kept files open cannot be checked: %s", s.Check.Trouble)
	}
	if s.Clock != 0 {
		say("The clock of this machine is %s off the gateway's. Connect reckons with it; set the clock right all the same.",
			(time.Duration(s.Clock*1000) * time.Millisecond).Abs().Round(time.Second))
	}
	return all
}

// watched says of how many folders it takes files, and where to name one.
func (s *Status) watched() string {
	switch len(s.Folders) {
	case 0:
		return "no folder; name one in connect.yaml"
	case 1:
		return s.Folders[0].Path
	}
	return fmt.Sprintf("%d folders", len(s.Folders))
}

// Write shows it to people.
func (s *Status) Write(w io.Writer) error {
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-9s %s\n", name, terminal.Clean(value))
		}
	}
	line("gateway", s.Gateway)
	line("account", s.Account)
	line("agent", s.Agent)
	line("proxy", s.Proxy)
	line("heard", terminal.Time(s.Heard))
	if s.Running {
		line("watched", s.watched())
	}
	line("waiting", fmt.Sprint(s.Queue.Waiting))
	for _, t := range s.Troubles() {
		fmt.Fprintf(w, "\n! %s\n", terminal.Clean(t))
	}
	for _, list := range []struct {
		title string
		files []File
	}{{"On their way", s.Files}, {"Lost by the gateway", s.Missing}, {"Sent", s.Latest}, {"Fetched", s.Fetched}} {
		if len(list.files) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s:\n", list.title)
		t := terminal.NewTable("FILE", ">SIZE", "STATE", "AT", "WHY")
		for _, f := range list.files {
			t.Row(f.Path, f.SizeText(), string(f.State), terminal.Time(f.At), f.Why)
		}
		if _, err := t.WriteTo(w); err != nil {
			return err
		}
	}
	return nil
}

// SizeText is the size for people; of fetched files it is not kept.
func (f File) SizeText() string {
	if f.Size == 0 && (f.State == journal.Done || f.State == journal.Received) {
		return ""
	}
	return terminal.Size(f.Size)
}

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{"time": terminal.Time, "size": terminal.Size}).Parse(pageText))

// Page writes it as a page of HTML.
func (s *Status) Page(w io.Writer) error { return page.Execute(w, s) }
