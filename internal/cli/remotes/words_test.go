package remotes

import (
	"strings"
	"testing"
	"time"

	"sealgate/internal/portal"
	"sealgate/internal/transfer/remote/why"
)

// A person reads what is wrong and what to do, and no word that is for programs.
func TestARemoteIsShownInSentences(t *testing.T) {
	since := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	base := portal.Remote{Name: "erp", Direction: "push", State: "on", Confirmed: true, Password: true, Settings: &portal.RemoteSettings{URL: "sftp://u@h/in"}}
	for _, c := range []struct {
		change     func(*portal.Remote)
		want, hint string
	}{
		{func(r *portal.Remote) {}, "", ""},
		{func(r *portal.Remote) { r.FailingSince, r.Failures, r.Error = &since, 3, "no-right" }, "the server does not allow this to the login, since ", "gateway remote runs acme erp"},
		{func(r *portal.Remote) { r.FailingSince, r.Error = &since, "some-files" }, "some files could not be transferred", "gateway remote runs acme erp"},
		{func(r *portal.Remote) { r.FailingSince, r.Error = &since, "answer-lost" }, "nobody here knows", "gateway remote send-again acme erp FILE"},
		{func(r *portal.Remote) { r.Unknown = 2 }, "2 of its files wait for somebody's answer: ", "gateway remote delivered acme erp FILE"},
		{func(r *portal.Remote) { r.Unknown, r.FailingSince, r.Error = 1, &since, "timeout" }, "1 of its files wait for somebody's answer: ", "gateway remote files acme erp"},
		{func(r *portal.Remote) { r.FailingSince, r.Error = &since, "identity" }, "another key or certificate", "gateway remote test acme erp"},
		{func(r *portal.Remote) { r.FailingSince, r.Error = &since, "of-a-newer-gateway" }, "its visits go wrong", "gateway remote runs"},
		{func(r *portal.Remote) { r.Password = false }, "neither a password nor a key", "--password-stdin"},
		{func(r *portal.Remote) { r.Confirmed = false }, "nobody has confirmed", "gateway remote test acme erp"},
		{func(r *portal.Remote) { r.ByOperator = true }, "an operator; nothing is left there while", ""},
	} {
		r := base
		c.change(&r)
		var text strings.Builder
		if err := writeRemote("acme")(&text, r); err != nil {
			t.Fatal(err)
		}
		got := text.String()
		if !strings.Contains(got, c.want) || !strings.Contains(got, c.hint) || strings.Contains(got, "what to do") != (c.hint != "") {
			t.Errorf("it says\n%s", got)
		}
		if r.Error != "" && strings.Contains(got, r.Error) {
			t.Errorf("%s is no word for people:\n%s", r.Error, got)
		}
	}
}

func TestRunsAreShownInSentences(t *testing.T) {
	said := "out/x.xml: the server does not allow this to the login"
	var text strings.Builder
	err := writeRuns(&text, []portal.RemoteRun{
		{ID: "1", Outcome: "ok"},
		{ID: "2", Outcome: "failed", Error: string(why.SomeFiles), FileError: string(why.NoRight), Message: &said},
		{ID: "3", Outcome: "failed", Error: string(why.SomeFiles), FileError: string(why.NoRight)},
		{ID: "4", Outcome: "failed", Error: string(why.SignIn)},
		{ID: "5", Outcome: "cut"},
		{ID: "6", Outcome: "running"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := text.String()
	for _, want := range []string{"went well", said, "does not allow this to the login\n", "refuses the sign-in", "was ended early", "visited again", "is under way"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	for _, code := range []string{"some-files", "no-right", "sign-in\n", "cut", "running"} {
		if strings.Contains(strings.ReplaceAll(got, "refuses the sign-in", ""), code) {
			t.Errorf("%q is in\n%s", code, got)
		}
	}
}
