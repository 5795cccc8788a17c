// Package locks holds the commands about who can open what: certificates, access
// keys, their removal, statements and receipts. They are clients of the JSON API.
//
// A passphrase, and the private half of a key that is made or opened with it, stay
// in this process; what is destroyed is said before it is done.
package locks

import (
	"github.com/spf13/cobra"

	"sealgate/internal/cli"
)

// app is one run of the program; the commands of this package are its methods.
type app struct{ *cli.App }

// Certificate is the command certificate.
func Certificate(c *cli.App) *cobra.Command { return (&app{c}).certificateCommand() }

// AccessKeys are the commands of access-key that talk to a gateway.
func AccessKeys(c *cli.App) []*cobra.Command {
	a := &app{c}
	return []*cobra.Command{
		a.accessKeyList(), a.accessKeyAdd(), a.accessKeyChallenge(), a.accessKeyConfirm(), a.accessKeyExport(), a.accessKeyRemove(),
	}
}

// Account are account unlock, lock and reseal.
func Account(c *cli.App) []*cobra.Command {
	a := &app{c}
	return []*cobra.Command{a.accountUnlock(), a.accountLock(), a.accountReseal()}
}
