package command

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// What a stranger wrote must not steer the terminal of who reads about it.
func TestWhatIsSaidCannotSteerATerminal(t *testing.T) {
	const evil = "x\x1b]0;owned\x07\r\u202eok\u009b2J"
	for name, say := range map[string]func(*Program){
		"text":   func(a *Program) { a.Say("got %s", evil) },
		"error":  func(a *Program) { a.Say("got %v", errors.New(evil)) },
		"report": func(a *Program) { a.Report(errors.New(evil)) },
	} {
		var b bytes.Buffer
		say(&Program{Name: "gateway", Err: &b})
		if got := b.String(); strings.ContainsAny(got, "\x1b\x07\r\u202e\u009b") || !strings.Contains(got, "owned") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestSentencesOfOursKeepTheirLines(t *testing.T) {
	var b bytes.Buffer
	a := &Program{Name: "gateway", Err: &b}
	a.Say("one\ntwo %d", 3)
	a.Report(errors.Join(errors.New("first"), errors.New("second")))
	if got := b.String(); got != "one\ntwo 3\ngateway: first; second\n" {
		t.Errorf("%q", got)
	}
}
