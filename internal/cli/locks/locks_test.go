package locks

import (
	"strings"
	"testing"

	"sealgate/internal/command"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/portal"
)

// What is left after resealing is an exit code that tells what to do.
func TestResealEndsWithWhatIsLeft(t *testing.T) {
	for _, c := range []struct {
		now  portal.Reseal
		want int
	}{
		{portal.Reseal{}, command.ExitDone},
		{portal.Reseal{Left: 1, Unfinished: 1}, command.ExitDone},
		{portal.Reseal{Left: 2, Unreachable: 2}, command.ExitDenied},
		{portal.Reseal{Left: 2, Unreachable: 1, Damaged: 1}, command.ExitDamaged},
		{portal.Reseal{Left: 2, Running: true, Waiting: "locked"}, command.ExitDenied},
		{portal.Reseal{Left: 2, Running: true, Waiting: "full"}, command.ExitFailed},
		{portal.Reseal{Left: 2, Running: true, Waiting: "internal"}, command.ExitFailed},
	} {
		err := resealed(c.now)
		got := command.ExitDone
		if err != nil {
			got = command.OutcomeOf(err).Code
		}
		if got != c.want {
			t.Errorf("%+v: exit code %d (%v), want %d", c.now, got, err, c.want)
		}
	}
}

// Who mixes up his files sends his private key to nobody.
func TestOnlyAnAnswerIsTakenOutOfAFile(t *testing.T) {
	key, err := keys.NewAccessKey()
	if err != nil {
		t.Fatal(err)
	}
	private, err := keyfile.MarshalAccessKey(key.Private)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := onlyAnswer(private); err == nil {
		t.Errorf("a private key is sent: %q", got)
	}
	answer := "-----BEGIN SEALGATE ANSWER-----\nAAAA\n-----END SEALGATE ANSWER-----\n"
	if got, err := onlyAnswer([]byte(string(private) + answer)); err != nil || strings.TrimSpace(got) != strings.TrimSpace(answer) {
		t.Errorf("%q, %v", got, err)
	}
}
