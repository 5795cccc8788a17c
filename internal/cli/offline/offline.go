// Package offline holds the commands that work on files of this machine and need no
// gateway: index, seal, open, and access-key new.
package offline

import (
	"github.com/spf13/cobra"

	"sealgate/internal/cli"
)

// app is one run of the program; the commands of this package are its methods.
type app struct{ *cli.App }

// Commands are index, seal and open.
func Commands(c *cli.App) []*cobra.Command {
	a := &app{c}
	return []*cobra.Command{a.indexCommand(), a.sealCommand(), a.openCommand()}
}

// NewAccessKey is access-key new.
func NewAccessKey(c *cli.App) *cobra.Command { return (&app{c}).accessKeyNew() }
