// Command connect is Sealgate Connect: the agent on the customer's premises that
// seals files where they are made, brings them to the gateway, and brings answers
// home.
//
// This package has flags and wiring; internal/agent does the work.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/agent/console"
	"sealgate/internal/command"
)

// version is set when a release is linked.
var version = "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who asks a second time does not wait for anything
	a := &app{App: &console.App{
		Program: command.Program{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv, Now: time.Now},
		Version: version,
	}}
	code := a.Run(ctx, a.root(), os.Args[1:])
	stop()
	os.Exit(code)
}

// app is one run of the program; the commands are its methods.
type app struct{ *console.App }

// program is what this program calls itself to the gateway.
func (a *app) program() string { return "connect " + a.Version }

// root is the whole command line.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "connect",
		Short: "Payment files sealed where they are made, and delivered exactly once",
		Long: "connect watches the folders that an ERP writes payment files to, seals each file on the\nspot, delivers it to a Sealgate gateway with a signed receipt, and brings answers home.\n" +
			"Its settings are in connect.yaml, in the directory of Connect.",
		Example: console.Examples("enroll --gateway https://gateway.example.com --code sgc1-…", "service install", "service start", "status"),
		Version: a.Version,
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("connect {{.Version}}\n")
	root.AddGroup(
		&cobra.Group{ID: "setup", Title: "Set it up:"},
		&cobra.Group{ID: "use", Title: "Use it:"},
	)
	for _, c := range []*cobra.Command{a.enrollCommand(), a.runCommand(), a.serviceCommand(), a.doctorCommand()} {
		c.GroupID = "setup"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{a.statusCommand(), a.sendCommand(), a.fetchCommand(), a.openCommand()} {
		c.GroupID = "use"
		root.AddCommand(c)
	}
	return root
}
