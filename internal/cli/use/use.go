// Package use holds the commands that talk to a running gateway over its control
// socket. They are clients of the JSON API and know no rule of their own.
package use

import (
	"github.com/spf13/cobra"

	"sealgate/internal/cli"
)

// app is one run of the program; the commands of this package are its methods.
type app struct{ *cli.App }

// Commands are account, login, token, operator, file, outbox, payment and queue.
func Commands(c *cli.App) []*cobra.Command {
	a := &app{c}
	return []*cobra.Command{
		a.accountCommand(), a.loginCommand(), a.tokenCommand(), a.operatorCommand(), a.fileCommand(), a.outboxCommand(), a.paymentCommand(), a.queueCommand(),
	}
}

// Audit is audit ls.
func Audit(c *cli.App) *cobra.Command { return (&app{c}).auditList() }
