// Package notify holds the commands about what the gateway tells people and programs
// by itself. They are clients of the JSON API and know no rule of their own.
package notify

import (
	"github.com/spf13/cobra"

	"sealgate/internal/cli"
)

// app is one run of the program; the commands of this package are its methods.
type app struct{ *cli.App }

// Commands are webhook and alarm.
func Commands(c *cli.App) []*cobra.Command {
	a := &app{c}
	return []*cobra.Command{a.webhookCommand(), a.alarmCommand()}
}
