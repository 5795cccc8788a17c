package main

import (
	"github.com/spf13/cobra"

	"sealgate/internal/cli/agents"
	"sealgate/internal/cli/locks"
	"sealgate/internal/cli/notify"
	"sealgate/internal/cli/offline"
	"sealgate/internal/cli/remotes"
	"sealgate/internal/cli/use"
	"sealgate/internal/command"
)

// root is the whole command line.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:     "gateway",
		Short:   "Payment files in, indexed, then deleted or kept sealed",
		Long:    "gateway takes payment files in by SFTP, makes each durable before it says OK, indexes\nthe payments in it, and then deletes the file or keeps it sealed.",
		Example: "  gateway init --operator you@example.com\n  gateway serve\n  gateway account add acme\n  gateway login add acme erp",
		Version: version,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	root.SetVersionTemplate("gateway {{.Version}}\n")
	root.AddGroup(
		&cobra.Group{ID: "run", Title: "Run a gateway:"},
		&cobra.Group{ID: "use", Title: "Talk to the running gateway:"},
		&cobra.Group{ID: "offline", Title: "Work on files here, without a gateway:"},
	)
	for _, cmd := range []*cobra.Command{
		a.initCommand(), a.serveCommand(), a.doctorCommand(), a.keysCommand(), a.backupCommand(), a.restoreCommand(),
	} {
		root.AddCommand(command.InGroup("run", cmd))
	}
	commands := append(use.Commands(a.App), notify.Commands(a.App)...)
	accessKey := append(offline.AccessKeys(a.App), locks.AccessKeys(a.App)...)
	for _, cmd := range append(
		commands,
		remotes.Command(a.App),
		agents.Command(a.App),
		locks.Certificate(a.App),
		command.Group("access-key", "The second half of the lock", accessKey...),
		command.Group("statement", "Signed statements about keys and files that were destroyed", append(locks.Statements(a.App), offline.VerifyReceipt(a.App))...),
		command.Group("receipt", "Signed receipts of files", locks.Receipt(a.App), offline.VerifyReceipt(a.App)),
		command.Group("audit", "What happened, and the proof that nobody changed the record", use.Audit(a.App), a.auditVerify()),
	) {
		root.AddCommand(command.InGroup("use", cmd))
	}
	for _, cmd := range offline.Commands(a.App) {
		root.AddCommand(command.InGroup("offline", cmd))
	}
	return root
}
