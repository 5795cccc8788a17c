package use

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/portal"
	"sealgate/internal/terminal"
)

func (a *app) loginCommand() *cobra.Command {
	return command.Group("login", "Who may sign in", a.loginAdd(), a.loginList(), a.loginSet(), a.loginReset(), a.loginRemove())
}

func (a *app) loginAdd() *cobra.Command {
	var in portal.NewLogin
	var passwordIn bool
	var keyFiles []string
	cmd := &cobra.Command{
		Use:   "add ACCOUNT USERNAME",
		Short: "Make a login",
		Long: "Make a login. Without --password-stdin and --ssh-key the gateway makes a password; it is\n" +
			"shown this once.",
		Example:           cli.Examples("login add acme erp", "login add acme erp --ssh-key id_ed25519.pub --allow-from 192.0.2.0/24", "login add acme erp --password-stdin < password", "login add acme anna@acme.example --invite --no-sftp --role approver"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Username = args[1]
			var err error
			if in.SSHKeys, err = sshKeys(keyFiles); err != nil {
				return err
			}
			if passwordIn {
				if in.Password, err = a.ReadSecret(); err != nil {
					return err
				}
			}
			return ask.Post(cmd.Context(), a.App, ask.Account(args[0], "logins"), in, writeSecretOf)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&passwordIn, "password-stdin", false, "read the password from standard input")
	f.StringArrayVar(&keyFiles, "ssh-key", nil, "SSH public key file (repeat for several)")
	f.StringArrayVar(&in.AllowFrom, "allow-from", nil, "addresses that may sign in, CIDR (repeat for several)")
	f.BoolVar(&in.NoSFTP, "no-sftp", false, "not by SFTP")
	f.BoolVar(&in.NoPortal, "no-portal", false, "not in the portal")
	f.StringVar(&in.Role, "role", "", "uploader (default), reader, approver or admin")
	f.BoolVar(&in.Invite, "invite", false, "no password: print a one-time link by which this person chooses one in the portal")
	return cmd
}

func (a *app) loginReset() *cobra.Command {
	var factor bool
	cmd := &cobra.Command{
		Use:   "reset ACCOUNT USERNAME",
		Short: "Print a one-time link to choose a new password; the old one is void",
		Long: "Print a one-time link to choose a new password in the portal. The old password is void at once\n" +
			"and all sessions end. A second factor stays and is asked for after the link; who has lost it and\n" +
			"the recovery codes needs --second-factor.",
		Example:           cli.Examples("login reset acme anna@acme.example"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Post(cmd.Context(), a.App, ask.Account(args[0], "logins", args[1], "reset")+factorQuery(factor), nil, writeLink)
		},
	}
	factorFlag(cmd, &factor)
	return cmd
}

// factorFlag is the flag of resets.
func factorFlag(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "second-factor", false, "take one-time codes, passkeys and recovery codes away, too")
}

func factorQuery(too bool) string {
	if too {
		return "?second_factor=true"
	}
	return ""
}

// sshKeys reads the lines of public key files.
func sshKeys(files []string) ([]string, error) {
	var lines []string
	for _, name := range files {
		text, err := command.ReadText(name)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
	}
	return lines, nil
}

func writeSecretOf(w io.Writer, l portal.LoginMade) error {
	if l.Link != nil {
		return writeLink(w, *l.Link)
	}
	if l.Secret != "" {
		_, err := fmt.Fprintf(w, "username  %s\npassword  %s\n(shown this once)\n", terminal.Clean(cli.OrUnreadable(l.Username)), l.Secret)
		return err
	}
	return writeLogins(w, []portal.Login{l.Login})
}

func (a *app) loginList() *cobra.Command {
	return &cobra.Command{
		Use:               "ls ACCOUNT",
		Short:             "List the logins of an account",
		Example:           cli.Examples("login ls acme"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Get(cmd.Context(), a.App, ask.Account(args[0], "logins"), writeLogins)
		},
	}
}

func writeLogins(w io.Writer, list []portal.Login) error {
	t := terminal.NewTable("USERNAME", "ROLE", "SIGNS IN WITH", "DOORS", "ALLOWED FROM", "LAST SEEN")
	for _, l := range list {
		var with, doors []string
		if l.Password {
			with = append(with, "password")
		}
		if n := len(l.Keys); n > 0 {
			with = append(with, fmt.Sprintf("%d SSH keys", n))
		}
		if l.SFTP {
			doors = append(doors, "sftp")
		}
		if l.Portal {
			doors = append(doors, "portal")
		}
		from := strings.Join(l.AllowFrom, " ")
		if from == "" {
			from = "anywhere"
		}
		t.Row(cli.OrUnreadable(l.Username), l.Role, strings.Join(with, ", "), strings.Join(doors, ", "), from, cli.Moment(l.LastSeen))
	}
	return cli.WriteTable(w, t)
}

func (a *app) loginSet() *cobra.Command {
	var in portal.LoginChange
	var passwordIn, sftp, portalDoor bool
	var keyFiles, allow []string
	var role string
	cmd := &cobra.Command{
		Use:               "set ACCOUNT USERNAME",
		Short:             "Change a login",
		Example:           cli.Examples("login set acme erp --new-password", "login set acme erp --ssh-key new.pub --rm-ssh-key SHA256:...", "login set acme erp --allow-from 192.0.2.0/24"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			if f.NFlag() == 0 {
				return command.Usage(fmt.Errorf("nothing to set; see gateway login set --help"))
			}
			var err error
			if in.AddKeys, err = sshKeys(keyFiles); err != nil {
				return err
			}
			if passwordIn {
				if in.Password, err = a.ReadSecret(); err != nil {
					return err
				}
			}
			given(f, "allow-from", &in.AllowFrom, &allow)
			given(f, "sftp", &in.SFTP, &sftp)
			given(f, "portal", &in.Portal, &portalDoor)
			given(f, "role", &in.Role, &role)
			return ask.Patch(cmd.Context(), a.App, ask.Account(args[0], "logins", args[1]), in, writeSecretOf)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&passwordIn, "password-stdin", false, "read a new password from standard input")
	f.BoolVar(&in.NewPassword, "new-password", false, "make a new password")
	f.BoolVar(&in.NoPassword, "no-password", false, "take the password away")
	f.StringArrayVar(&keyFiles, "ssh-key", nil, "SSH public key file to add (repeat for several)")
	f.StringArrayVar(&in.RemoveKeys, "rm-ssh-key", nil, "fingerprint of an SSH key to remove")
	f.StringArrayVar(&allow, "allow-from", nil, "addresses that may sign in, CIDR; replaces the list")
	f.BoolVar(&sftp, "sftp", true, "by SFTP")
	f.BoolVar(&portalDoor, "portal", true, "in the portal")
	f.StringVar(&role, "role", "", "uploader, reader, approver or admin")
	return cmd
}

func (a *app) loginRemove() *cobra.Command {
	return &cobra.Command{
		Use:               "rm ACCOUNT USERNAME",
		Short:             "Remove a login",
		Example:           cli.Examples("login rm acme erp"),
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ask.Remove(cmd.Context(), a.App, ask.Account(args[0], "logins", args[1]), "", "removed "+args[1])
		},
	}
}
