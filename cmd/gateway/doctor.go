package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"sealgate/internal/backup"
	"sealgate/internal/cli"
	"sealgate/internal/cli/doctor"
	"sealgate/internal/command"
	"sealgate/internal/config"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/health"
	"sealgate/internal/terminal"
)

func (a *app) doctorCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check the machine and the data directory; says what to do",
		Long: "Check disk sync, permissions, room, clock, keys, listeners and algorithms, of a running or a\n" +
			"stopped gateway: certificates that end soon, keys that are missing for the year or not confirmed,\n" +
			"tokens that do not answer, a copy of the keys that is too old. Exit code 1: something has to be\n" +
			"done at once; warnings alone give 0.",
		Example: cli.Examples("doctor", "doctor --data /var/lib/sealgate --json"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.doctor(cmd.Context(), file)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file (else DIR/gateway.yaml)")
	return cmd
}

func (a *app) doctor(ctx context.Context, file string) error {
	cfg, err := a.settings(file, nil)
	if err != nil {
		return err
	}
	list := doctor.Machine(cfg, a.Now)
	if _, err := os.Stat(cfg.Data); err == nil {
		list = append(list, a.checkGateway(ctx, cfg)...)
	}
	err = a.Print(list, func(w io.Writer) error {
		t := terminal.NewTable("CHECK", "STATUS", "FOUND", "WHAT TO DO")
		for _, f := range list {
			t.Row(f.Check, f.Status, f.Found, f.Do)
		}
		return cli.WriteTable(w, t)
	})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(list, func(f portal.Finding) bool { return f.Status == portal.Failing }) {
		return command.Exit(command.ExitFailed, "unhealthy", "something has to be done: see above")
	}
	return nil
}

// checkGateway asks the running gateway, or opens what a stopped one left.
func (a *app) checkGateway(ctx context.Context, cfg *config.Config) []portal.Finding {
	c := client.New(cfg.Data)
	list, err := askGateway(ctx, c)
	switch {
	case err == nil:
		return list
	case !errors.Is(err, client.ErrNoAnswer):
		return []portal.Finding{doctor.Fail("gateway", cli.Sentence(err), "see its log")}
	}
	list = []portal.Finding{doctor.Fine("gateway", "it is not running")}
	if _, err := os.Stat(filepath.Join(cfg.Data, backup.Catalog)); err != nil {
		return append(list, doctor.Fail("data", "there is no gateway in "+cfg.Data, "gateway init"))
	}
	list = append(list, a.checkStores(ctx, cfg)...)
	return append(list, doctor.Listeners(cfg)...)
}

func askGateway(ctx context.Context, c *client.Client) ([]portal.Finding, error) {
	var k portal.KeyStore
	if err := c.Get(ctx, "/keys", nil, &k); err != nil {
		return nil, err
	}
	var found []portal.Finding
	if err := c.Get(ctx, "/doctor", nil, &found); err != nil {
		return nil, err
	}
	return append([]portal.Finding{doctor.Fine("gateway", "it is running"), openKeys(&k)}, found...), nil
}

func openKeys(k *portal.KeyStore) portal.Finding {
	return doctor.Fine("keys", fmt.Sprintf("open; accounts with keys: %d; generation %d", k.Accounts, k.Generation))
}

func (a *app) checkStores(ctx context.Context, cfg *config.Config) []portal.Finding {
	s, err := a.openStores(ctx, cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		do := "see gateway keys restore"
		if !fault.Is(err, fault.Locked) {
			do = "see gateway restore"
		}
		return []portal.Finding{doctor.Fail("keys", cli.Sentence(err), do)}
	}
	defer s.close()
	k, err := health.KeyStore(s.keys)
	if err != nil {
		return []portal.Finding{doctor.Fail("keys", cli.Sentence(err), "see gateway keys restore")}
	}
	found, err := health.Keys(ctx, s.accounts, s.custody, s.keys)
	if err != nil {
		return []portal.Finding{openKeys(k), doctor.Fail("keys", cli.Sentence(err), "see gateway keys restore")}
	}
	return append([]portal.Finding{openKeys(k)}, found...)
}
