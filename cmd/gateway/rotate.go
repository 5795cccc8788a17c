package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"sealgate/internal/audit"
	"sealgate/internal/cli"
	"sealgate/internal/command"
	"sealgate/internal/config"
	"sealgate/internal/fault"
	"sealgate/internal/keys/master"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/health"
	"sealgate/internal/store/catalog"
	"sealgate/internal/terminal"
)

func (a *app) keysRotate() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "rotate-master",
		Short: "Wrap the key store anew under a new master key",
		Long: "Wrap the key store anew under a new master key, which makes every older copy of the wrapped keys\n" +
			"dead to who gets the new one. A master key in a file is replaced there; a new passphrase is\n" +
			"asked for; a credential is somebody else's to change, see --from. The copy that keys backup made\n" +
			"last is written anew when it can be reached, and the command says whether it was; other copies\n" +
			"stay under the old master key. No other key store may use the same master key file: a rehearsal\n" +
			"or a second gateway that does would never open again.\n\n" +
			"To move from one source to another: stop the gateway, set keys.master in the configuration to the\n" +
			"new source (file:PATH is made when it is not there; a credential must be there), and name the\n" +
			"old one with --from. Then start the gateway, and destroy the old master key.",
		Example: cli.Examples("keys rotate-master", "keys rotate-master --from file:/var/lib/sealgate/keys/master.key", "keys rotate-master --from passphrase"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var after *portal.KeyStore
			var err error
			if from != "" {
				after, err = a.rotateFrom(cmd.Context(), from)
			} else {
				after, err = a.rotateInPlace(cmd.Context())
			}
			if err != nil {
				return err
			}
			return a.Print(after, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "the key store is under a new master key\n%s\n", terminal.Clean(copyAfter(after)))
				return err
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "where the present master key is, when the configuration names another place: file:PATH, credential:NAME or passphrase")
	return cmd
}

// copyAfter says what a new master key has made of the copy of the keys.
func copyAfter(k *portal.KeyStore) string {
	switch {
	case k.CopyProblem != "":
		return "NO copy of the keys is known to open with it (" + k.CopyProblem + "): make one with keys backup before you destroy the old master key"
	case k.Copy == nil:
		return "no copy of the keys was ever made: make one with keys backup"
	}
	return "the copy of the keys at " + *k.Copy + " was written anew under it"
}

// rotateInPlace makes a new master key at the source that there is, and returns
// what the key store is then.
func (a *app) rotateInPlace(ctx context.Context) (after *portal.KeyStore, err error) {
	c, err := a.Gateway()
	if err != nil {
		return nil, err
	}
	// Ask for the new passphrase only when there is a gateway to give it to; on a
	// stopped one the old passphrase comes first.
	in := map[string]string{}
	var shown portal.KeyStore
	if c.Get(ctx, "/keys", nil, &shown) == nil && shown.Master == master.Passphrase(nil).String() {
		text, err := a.NewPassphrase("New passphrase: ")
		if err != nil {
			return nil, err
		}
		in["passphrase"] = string(text)
	}
	after = new(portal.KeyStore)
	err = a.either(
		ctx,
		func(c *client.Client) error {
			if err := c.Post(ctx, "/keys/rotate-master", in, nil); err != nil {
				return err
			}
			if err := c.Get(ctx, "/keys", nil, after); err != nil { // it is done all the same, and must not be done twice
				after.CopyProblem = "cannot tell: " + cli.Sentence(err)
			}
			return nil
		},
		func(s *stores) error {
			if err := rotated(ctx, s.catalog); err != nil {
				return err
			}
			if err := rotateMaster(ctx, s, func() ([]byte, error) { return a.NewPassphrase("New passphrase: ") }); err != nil {
				return err
			}
			after, err = health.KeyStore(s.keys)
			return err
		},
	)
	return after, err
}

// rotateMaster replaces the master key where the configuration says it is.
func rotateMaster(ctx context.Context, s *stores, passphrase func() ([]byte, error)) error {
	switch m := s.cfg.Keys.Master; m.Kind {
	case config.MasterFile:
		to, install, err := master.ReplaceFile(m.Name)
		if err != nil {
			return err
		}
		return s.keys.RotateMaster(ctx, to, install)
	case config.MasterPassphrase:
		return s.keys.RotateMaster(ctx, master.Passphrase(passphrase), nil)
	}
	return fault.New(fault.Invalid, "keys: rotate", "the master key is a credential that somebody else keeps: "+
		"give the gateway a second credential with the new key, name it in keys.master, and rotate with --from (see keys rotate-master --help)")
}

// rotateFrom moves a stopped gateway's key store from the master key of one source
// to that of another, which the configuration names already.
func (a *app) rotateFrom(ctx context.Context, from string) (*portal.KeyStore, error) {
	cfg, err := a.settings("", nil)
	if err != nil {
		return nil, err
	}
	old, err := config.ParseMaster(from)
	if err != nil {
		return nil, command.Usage(err)
	}
	c, err := a.Gateway()
	if err != nil {
		return nil, err
	}
	if c.Get(ctx, "/keys", nil, nil) == nil {
		return nil, command.Usage(fmt.Errorf("the gateway is running, with the master key of %s; stop it first", from))
	}
	if old == cfg.Keys.Master {
		return nil, command.Usage(fmt.Errorf("the configuration names the same source; set keys.master to the new one first, or leave --from away"))
	}
	if same, err := a.sameKey(ctx, old, cfg.Keys.Master); err != nil || same {
		if same {
			err = command.Usage(fmt.Errorf("both sources give the same key: it is moved already, and nothing has to be rotated"))
		}
		return nil, err
	}
	then := *cfg
	then.Keys.Master = old
	s, err := a.openStores(ctx, &then, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := rotated(ctx, s.catalog); err != nil {
		return nil, err
	}
	if m := cfg.Keys.Master; m.Kind == config.MasterFile {
		if err := master.CreateFile(m.Name); err != nil && !fault.Is(err, fault.Exists) {
			return nil, err
		}
	}
	defer a.forget()
	if err := s.keys.RotateMaster(ctx, a.newMaster(cfg.Keys.Master), nil); err != nil {
		return nil, err
	}
	return health.KeyStore(s.keys)
}

// sameKey reports whether two sources that give a key as it is, give the same.
func (a *app) sameKey(ctx context.Context, old, to config.Master) (bool, error) {
	if old.Kind == config.MasterPassphrase || to.Kind == config.MasterPassphrase {
		return false, nil
	}
	x, err := a.master(old).Key(ctx, nil)
	if err != nil {
		return false, err
	}
	defer clear(x)
	y, err := a.master(to).Key(ctx, nil)
	if fault.Is(err, fault.Locked) && to.Kind == config.MasterFile {
		return false, nil // it is made
	}
	defer clear(y)
	return bytes.Equal(x, y), err
}

// rotated puts on record what is about to happen to a stopped gateway.
func rotated(ctx context.Context, cat *catalog.Catalog) error {
	return cat.Update(ctx, func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{Actor: "operator:console", Action: "master-key.rotated"})
	})
}
