package remotes

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"

	"sealgate/internal/cli"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
	"sealgate/internal/transfer/remote/why"
)

// outcomes are what a run did, in words.
var outcomes = map[string]string{"running": "is under way", "ok": "went well", "failed": "failed", "cut": "was ended early"}

func outcome(r portal.RemoteRun) string { return cmp.Or(outcomes[r.Outcome], r.Outcome) }

func writeRuns(w io.Writer, list []portal.RemoteRun) error {
	t := terminal.NewTable("RUN", "BEGAN", "ENDED", "IT", "SEEN", "FILES", "BYTES", "FAILED", "WHY")
	for _, r := range list {
		t.Row(r.ID, terminal.Time(r.BeganAt), cli.Moment(r.EndedAt), outcome(r), strconv.FormatInt(r.Seen, 10), strconv.FormatInt(r.Files, 10),
			strconv.FormatInt(r.Bytes, 10), strconv.FormatInt(r.Failed, 10), reason(r))
	}
	return cli.WriteTable(w, t)
}

func writeFiles(w io.Writer, list []portal.RemoteFile) error {
	t := terminal.NewTable("FILE", "TRIES", "LAST TRY", "NEXT TRY", "WHY")
	for _, f := range list {
		t.Row(f.ID, strconv.FormatInt(f.Tries, 10), terminal.Time(f.TriedAt), cli.Moment(f.NextTry), says(f.Error))
	}
	return cli.WriteTable(w, t)
}

// reason is why a run did not go well: its own sentence, which has names and what the
// server said, else what the word for it says.
func reason(r portal.RemoteRun) string {
	switch {
	case r.Message != nil:
		return *r.Message
	case r.FileError != "":
		return says(r.FileError)
	case r.Error != "":
		return says(r.Error)
	case r.Outcome == "cut":
		return "the gateway stopped, or the remote was changed; it is visited again"
	}
	return ""
}

func says(code string) string { return why.Code(code).Words("en").Says }

func state(r portal.Remote) string {
	switch {
	case r.Running:
		return "being visited"
	case r.State == "on" && r.Settings != nil && !r.Confirmed:
		return "on, not confirmed"
	case r.State == "off":
		return "off, by hand only"
	}
	return r.State
}

func urlOf(r portal.Remote) string {
	if r.Settings == nil {
		return "(unreadable)"
	}
	return r.Settings.URL
}

// code is a word for what somebody should see to; "" = nothing.
func code(r portal.Remote) why.Code {
	switch {
	case r.Unknown > 0:
		return why.AnswerLost
	case r.FailingSince != nil:
		return why.Code(r.Error)
	case r.Settings != nil && !r.Password && !r.PrivateKey:
		return why.NoSecret
	case r.Settings != nil && r.State == "on" && !r.Confirmed:
		return why.NotConfirmed
	}
	return ""
}

func trouble(r portal.Remote) string {
	c := code(r)
	if c == "" {
		return ""
	}
	words := says(string(c))
	switch {
	case r.Unknown > 0:
		words = fmt.Sprintf("%d of its files wait for somebody's answer: %s", r.Unknown, words)
	case r.FailingSince != nil:
		words += ", since " + terminal.Time(*r.FailingSince)
	}
	return words
}

// advice is what to do about it, by commands where there are.
func advice(account string, r portal.Remote) string {
	of := " " + account + " " + r.Name
	switch c := code(r); c {
	case "":
		return ""
	case why.NoSecret:
		return "gateway remote set" + of + " --password-stdin, or --ssh-key"
	case why.Identity, why.NotConfirmed, why.NotTrusted:
		return c.Words("en").Do + ": gateway remote test" + of
	case why.SomeFiles:
		return "gateway remote runs" + of + " says which one and why"
	case why.AnswerLost:
		return "ask who runs the server, then: gateway remote delivered" + of + " FILE, or gateway remote send-again" + of + " FILE; gateway remote files" + of + " lists them"
	default:
		return c.Words("en").Do + "; gateway remote runs" + of + " says more"
	}
}

// byOperator says what follows from an operator having said where a remote leads.
func byOperator(r portal.Remote) string {
	switch {
	case !r.ByOperator:
		return ""
	case r.Direction == "push":
		return "an operator; nothing is left there while the account does not let operators see its contents"
	}
	return "an operator"
}

// writeRemote shows a remote of an account.
func writeRemote(account string) func(io.Writer, portal.Remote) error {
	return func(w io.Writer, r portal.Remote) error {
		t := terminal.NewTable("name", r.Name)
		row := func(name, value string) {
			if value != "" && value != "-" {
				t.Row(name, value)
			}
		}
		row("direction", r.Direction)
		row("state", state(r))
		row("url", urlOf(r))
		row("set up by", byOperator(r))
		if s := r.Settings; s != nil {
			writeSettings(row, s)
		}
		row("password", cli.Yes(r.Password))
		row("private key", cli.Yes(r.PrivateKey))
		row("next run", cli.Moment(r.NextRun))
		row("last run", cli.Moment(r.LastRun))
		row("last ok", cli.Moment(r.LastOK))
		row("last file", cli.Moment(r.LastFile))
		problem := trouble(r)
		if r.Failures > 1 {
			problem += fmt.Sprintf(", %d times in a row", r.Failures)
		}
		row("problem", problem)
		row("what to do", advice(account, r))
		return cli.WriteTable(w, t)
	}
}

func writeSettings(row func(name, value string), s *portal.RemoteSettings) {
	if s.Every != nil {
		row("every", s.Every.String())
	}
	if s.Cron != "" {
		row("cron", s.Cron+" ("+s.TimeZone+")")
	}
	row("include", strings.Join(s.Include, " "))
	row("exclude", strings.Join(s.Exclude, " "))
	if s.Subfolders > 0 {
		row("subfolders", strconv.Itoa(s.Subfolders))
	}
	row("after", s.After)
	if s.Still != nil {
		row("still", s.Still.String())
	}
	row("done marker", s.DoneMarker)
	row("host keys", strings.Join(s.HostKeys, " "))
	row("certificates", strings.Join(s.CertificatePins, " "))
	if len(s.OldAlgorithms) > 0 {
		row("WARNING", "no longer safe, and allowed until "+s.OldUntil+": "+strings.Join(s.OldAlgorithms, " "))
	}
	row("expect", s.Expect)
	row("alarm after", s.AlarmAfter.String())
}
