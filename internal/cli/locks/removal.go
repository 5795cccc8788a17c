package locks

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

// removal are the flags of commands that remove a key for ever.
type removal struct {
	confirm, out string
	after        portal.Duration
	cancel       bool
}

func (r *removal) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&r.confirm, "confirm", "", "the account's name: yes, destroy it")
	f.Var(&r.after, "after", "not now, but after this time (1h to 366d); until then it can be called off")
	f.BoolVar(&r.cancel, "cancel", false, "call a removal off that was scheduled with --after")
	f.StringVarP(&r.out, "output", "o", "", "file for the signed statement (else see gateway statement get)")
	command.NoDefault(f, "after")
	cmd.MarkFlagsMutuallyExclusive("cancel", "confirm")
	cmd.MarkFlagsMutuallyExclusive("cancel", "after")
	cmd.MarkFlagsMutuallyExclusive("cancel", "output")
	cmd.MarkFlagsMutuallyExclusive("after", "output") // there is no statement before it is done
}

// removalHelp is what both commands say about themselves.
const removalHelp = "\nWithout --confirm nothing is done: it says in one sentence what would be lost, for whom, and how\n" +
	"many files (exit code 2). With it the key is destroyed in the key store and in the copy that keys\n" +
	"backup made, and a signed statement lists what became unreadable. Nothing brings it back."

// run removes a key of an account, or schedules or calls off its removal.
func (r *removal) run(ctx context.Context, a *app, account, kind, key string) error {
	path, what := ask.Account(account, kind+"s", key), "the "+strings.ReplaceAll(kind, "-", " ")+" "+key+" of "+account
	c, err := a.Gateway()
	if err != nil {
		return err
	}
	if r.cancel {
		if err := c.Post(ctx, path+"/keep", nil, nil); err != nil {
			return err
		}
		return a.Done("the removal of " + what + " is called off")
	}
	if r.confirm == "" {
		var loss portal.Loss
		if err := c.Get(ctx, path+"/loss", nil, &loss); err != nil {
			return err
		}
		return fault.New(fault.Invalid, "remove", "%s Nothing was done; to do it, add --confirm %s", loss.Sentence, account)
	}
	if r.out != "" {
		if err := command.Absent(r.out); err != nil {
			return err // before anything is destroyed
		}
	}
	query := url.Values{"confirm": {r.confirm}}
	if r.after > 0 {
		query.Set("after", r.after.String())
	}
	var done portal.Removal
	if err := c.Delete(ctx, path, query, &done); err != nil {
		return err
	}
	if r.out != "" {
		if err := command.WriteSecret(r.out, []byte(done.Text)); err != nil {
			a.Say("%s is destroyed; its statement could not be written here, but the gateway has it:\n  gateway statement get %s -o FILE", what, done.Statement)
			return err
		}
	}
	return a.Print(done, func(w io.Writer) error {
		_, err := io.WriteString(w, describe(done, what, r.out))
		return err
	})
}

// describe says what was done, for people.
func describe(done portal.Removal, what, out string) string {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	if done.RemoveAt != nil {
		say("scheduled: %s is destroyed on %s.", what, terminal.Time(*done.RemoveAt))
		say("%s", terminal.Clean(done.Sentence))
		say("Until then call it off with the same command and --cancel.")
		return b.String()
	}
	say("destroyed: %s.", what)
	say("%s", terminal.Clean(done.Sentence))
	switch k := done.Copy; {
	case k == nil:
		say("No copy of the keys was ever made with keys backup.")
	case k.Rewritten:
		say("The copy of the keys at %s was written anew, without it.", terminal.Clean(k.Path))
	default:
		say("The copy of the keys at %s could NOT be written anew (%s): it still holds the key. If it is a copy for this gateway and no other, destroy it, and make a new one with keys backup.",
			terminal.Clean(k.Path), terminal.Clean(k.Problem))
	}
	if out != "" {
		say("wrote the signed statement to %s", terminal.Clean(out))
	}
	say("The statement stays at the gateway: gateway statement get %s", done.Statement)
	return b.String()
}
