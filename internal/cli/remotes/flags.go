package remotes

import (
	"fmt"

	"github.com/spf13/cobra"

	"sealgate/internal/command"
	"sealgate/internal/portal"
)

// flags are what add and set have in common.
type flags struct {
	app *app

	given                             portal.RemoteSettings // what texts and lists were set to
	limits                            portal.RemoteLimits
	every, still                      portal.Duration
	keyFile                           string
	passwordIn, passphraseIn, on, off bool
}

func (a *app) flags(cmd *cobra.Command) *flags {
	f := &flags{app: a}
	set := cmd.Flags()
	set.Var(&f.every, "every", "visit it in this interval (default 5m; push: 1m, when something waits)")
	set.StringVar(&f.given.Cron, "cron", "", "visit it when this cron expression says, in place of --every")
	set.StringVar(&f.given.TimeZone, "time-zone", "", "of --cron and --expect (default Europe/Stockholm)")
	set.StringArrayVar(&f.given.Include, "include", nil, "pattern of names (repeat for several; default: all)")
	set.StringArrayVar(&f.given.Exclude, "exclude", nil, "pattern of names that are left out (repeat for several)")
	set.IntVar(&f.given.Subfolders, "subfolders", 0, "levels of folders below that are looked into")
	set.StringVar(&f.given.After, "after", "", "what becomes of a file there that was fetched: leave (default), delete or move:FOLDER")
	set.Var(&f.still, "still", "a file is finished when it is unchanged for so long (default 30s)")
	set.StringVar(&f.given.DoneMarker, "done-marker", "", "NAME is finished when NAME and this is there, as .done")
	set.BoolVar(&f.passwordIn, "password-stdin", false, "read the password from standard input")
	set.StringVar(&f.keyFile, "ssh-key", "", "private key file")
	set.BoolVar(&f.passphraseIn, "passphrase-stdin", false, "read the private key's passphrase from standard input")
	set.StringArrayVar(&f.given.HostKeys, "host-key", nil, "confirm this fingerprint of the server's host key, SHA256:… (repeat for several)")
	set.StringArrayVar(&f.given.CertificatePins, "certificate-pin", nil, "confirm the certificate whose DER has this SHA-256 (repeat for several)")
	set.StringArrayVar(&f.given.OldAlgorithms, "allow-old", nil, "allow what is no longer safe: ssh-rsa, dh-sha1, cbc or hmac-sha1 (repeat for several)")
	set.StringArrayVar(&f.given.Quirks, "quirk", nil, "of an FTPS server: tls-1.2 (its TLS 1.3 resumes no session) or list-only (it offers MLSD and does not know it)")
	set.StringVar(&f.given.OldUntil, "allow-old-until", "", "until the end of this day")
	set.StringVar(&f.given.Expect, "expect", "", "by when a file comes: daily, weekdays or bankdays by HH:MM")
	set.Var(&f.given.AlarmAfter, "alarm-after", "raise an alarm when it has failed for so long (default 1h)")
	set.IntVar(&f.limits.Files, "max-files", 0, "files in one run")
	set.IntVar(&f.limits.Entries, "max-entries", 0, "names in the listings of one run")
	set.Int64Var(&f.limits.FileSize, "max-file-size", 0, "bytes in one file")
	set.Var(&f.limits.Time, "max-time", "of one run")
	set.BoolVar(&f.on, "on", false, "visit it")
	set.BoolVar(&f.off, "off", false, "visit it by hand only")
	cmd.MarkFlagsMutuallyExclusive("every", "cron")
	cmd.MarkFlagsMutuallyExclusive("on", "off")
	cmd.MarkFlagsMutuallyExclusive("password-stdin", "passphrase-stdin")
	return f
}

// ifSet is what a flag was set to; nil = it was not.
func ifSet[T any](cmd *cobra.Command, name string, value *T) *T {
	if cmd.Flags().Changed(name) {
		return value
	}
	return nil
}

// change puts what was given into c.
func (f *flags) change(cmd *cobra.Command, c *portal.RemoteChange) error {
	c.Every, c.Cron, c.TimeZone = ifSet(cmd, "every", &f.every), ifSet(cmd, "cron", &f.given.Cron), ifSet(cmd, "time-zone", &f.given.TimeZone)
	c.Include, c.Exclude, c.Subfolders = ifSet(cmd, "include", &f.given.Include), ifSet(cmd, "exclude", &f.given.Exclude), ifSet(cmd, "subfolders", &f.given.Subfolders)
	c.After, c.Still, c.DoneMarker = ifSet(cmd, "after", &f.given.After), ifSet(cmd, "still", &f.still), ifSet(cmd, "done-marker", &f.given.DoneMarker)
	c.HostKeys, c.CertificatePins = ifSet(cmd, "host-key", &f.given.HostKeys), ifSet(cmd, "certificate-pin", &f.given.CertificatePins)
	c.OldAlgorithms, c.OldUntil = ifSet(cmd, "allow-old", &f.given.OldAlgorithms), ifSet(cmd, "allow-old-until", &f.given.OldUntil)
	c.Quirks = ifSet(cmd, "quirk", &f.given.Quirks)
	c.Expect, c.AlarmAfter = ifSet(cmd, "expect", &f.given.Expect), ifSet(cmd, "alarm-after", &f.given.AlarmAfter)
	for _, name := range []string{"max-files", "max-entries", "max-file-size", "max-time"} {
		if cmd.Flags().Changed(name) {
			c.Limits = &f.limits
		}
	}
	if f.on || f.off {
		c.Enabled = &f.on
	}
	return f.secret(&c.RemoteSecret)
}

func (f *flags) secret(s *portal.RemoteSecret) error {
	if f.passphraseIn && f.keyFile == "" {
		return command.Usage(fmt.Errorf("--passphrase-stdin is for a private key: give it with --ssh-key"))
	}
	if f.keyFile != "" {
		text, err := command.ReadText(f.keyFile)
		if err != nil {
			return err
		}
		s.PrivateKey = &text
	}
	if f.passwordIn || f.passphraseIn {
		text, err := f.app.ReadSecret()
		if err != nil {
			return err
		}
		if f.passwordIn {
			s.Password = &text
		} else {
			s.Passphrase = &text
		}
	}
	return nil
}
