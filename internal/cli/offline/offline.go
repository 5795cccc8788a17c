// Package offline holds the commands that work on files of this machine and need no
// gateway: index, seal, open, what an access key's holder does with it, and
// receipt verify.
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

// AccessKeys are those of access-key that its holder needs.
func AccessKeys(c *cli.App) []*cobra.Command {
	a := &app{c}
	return []*cobra.Command{a.accessKeyNew(), a.accessKeyWords(), a.accessKeyFromWords(), a.accessKeyAnswer()}
}
