package offline

import (
	"crypto/hpke"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/fault"
	"sealgate/internal/keys/paper"
	"sealgate/internal/seal"
)

// keyWords is what access-key words prints with --json.
type keyWords struct {
	Fingerprint string   `json:"fingerprint"`
	Words       []string `json:"words"`
}

func (a *app) accessKeyWords() *cobra.Command {
	var passphrase bool
	cmd := &cobra.Command{
		Use:   "words KEY",
		Short: "Print the recovery words of an access key (offline)",
		Long: "Print the form for the safe: the 24 words that an access key is, numbered, with its\n" +
			"fingerprint and today's date. Whoever has the words has the key. Print the form on paper\n" +
			"and leave it in no file. Needs no gateway.",
		Example: cli.Examples("access-key words acme.key", "access-key words acme.key | lp"),
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			key, err := a.readAccessKey(args[0], passphrase)
			if err != nil {
				return err
			}
			words, err := paper.Words(key)
			if err != nil {
				return err
			}
			fp := seal.AccessKeyFingerprint(key.PublicKey()).String()
			return a.Print(keyWords{Fingerprint: fp, Words: words}, func(w io.Writer) error { return a.writeForm(w, fp, words) })
		},
	}
	cmd.Flags().BoolVar(&passphrase, "passphrase-stdin", false, "passphrase of the access key (asked for, or the first line of standard input)")
	return cmd
}

// writeForm is the piece of paper: words down four columns, as people write lists.
func (a *app) writeForm(w io.Writer, fingerprint string, words []string) error {
	const columns = 4
	rows := len(words) / columns
	var b strings.Builder
	fmt.Fprintf(&b, "\nSEALGATE ACCESS KEY, RECOVERY WORDS\n\nfingerprint  %s\nprinted      %s\n\n", fingerprint, a.Now().UTC().Format(time.DateOnly))
	for row := range rows {
		var line strings.Builder
		for column := range columns {
			n := column*rows + row
			fmt.Fprintf(&line, "%4d  %-9s", n+1, words[n])
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	b.WriteString("\nWhoever has these words has the key: with the key of the account's certificate they open\n" +
		"its kept files. Lay them in a safe, apart from the certificate's key, and in no file or photo.\n" +
		"To have the key again: gateway access-key from-words -o KEY, and compare the fingerprint.\n\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// maxWords bounds what is read of words: 24 of eight letters, with room for
// numbers and blanks.
const maxWords = 16 << 10

func (a *app) accessKeyFromWords() *cobra.Command {
	var to target
	cmd := &cobra.Command{
		Use:   "from-words",
		Short: "Make an access key again from its recovery words (offline)",
		Long: "Read the 24 recovery words of an access key from standard input, in their order or with\n" +
			"their numbers (the whole form will do), and write both halves of the key as access-key new\n" +
			"does. A word that is not on the list of words is named. Compare the fingerprint with the one\n" +
			"on the paper. With --passphrase-stdin the first line is the passphrase, and the words follow.\n" +
			"Needs no gateway.",
		Example: cli.Examples("access-key from-words -o acme.key", "access-key from-words -o acme.key < words"),
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.writeKey(to, false, a.readWords)
		},
	}
	to.flags(cmd)
	return cmd
}

func (a *app) readWords() (hpke.PrivateKey, error) {
	if a.AtTerminal() {
		a.Say("Type the 24 words, then Ctrl-D on a line of its own:")
	}
	text, err := io.ReadAll(io.LimitReader(a.In, maxWords+1))
	defer clear(text)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "read words", err)
	}
	if len(text) > maxWords {
		return nil, fault.New(fault.Invalid, "read words", "24 words are expected, and this is longer than they can be")
	}
	return paper.FromWords(string(text))
}
