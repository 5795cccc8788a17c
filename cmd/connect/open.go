package main

import (
	"context"
	"crypto/hpke"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"sealgate/internal/agent"
	"sealgate/internal/agent/console"
	"sealgate/internal/agent/fetch"
	"sealgate/internal/agent/home"
	"sealgate/internal/connect"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/logging"
	"sealgate/internal/seal"
)

func (a *app) openCommand() *cobra.Command {
	var key, out string
	var check bool
	cmd := &cobra.Command{
		Use:   "open ID|FILE --access-key KEY",
		Short: "Open a kept file, or prove that it still opens",
		Long: "open asks the gateway for its half of a kept file's key, which the gateway puts on record, opens\nthe other half with the access key, and writes the content. ID is a file that the gateway keeps,\n" +
			"FILE a sealed file on this machine. --check opens it and writes nothing.",
		Example: console.Examples("open 0199a3c2-… --access-key acme.key", "open 0199a3c2-… --access-key acme.key --check", "open statement.xml.sealed --access-key acme.key -o statement.xml"),
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.open(cmd.Context(), args[0], key, out, check) },
	}
	f := cmd.Flags()
	f.StringVar(&key, "access-key", "", "file of the access key")
	f.StringVarP(&out, "output", "o", "", "file to write; else the file's own name, here")
	f.BoolVar(&check, "check", false, "only prove that it opens")
	if err := cmd.MarkFlagRequired("access-key"); err != nil {
		panic(err) // the flag's name is wrong in the line above
	}
	return cmd
}

func (a *app) open(ctx context.Context, what, keyName, out string, check bool) error {
	access, err := a.accessKey(keyName)
	if err != nil {
		return err
	}
	h, err := a.Home()
	if err != nil {
		return err
	}
	settings, err := h.Settings()
	if err != nil {
		return err
	}
	ca, err := readCA(settings.CA)
	if err != nil {
		return err
	}
	_, client, err := agent.Dial(agent.Options{Home: h, Settings: settings, CA: ca, Now: a.Now})
	if err != nil {
		return err
	}
	defer client.Close()
	f := &fetch.Fetcher{Client: client, Disk: durable.OS, Access: access, Now: a.Now, As: home.Opened, Log: logging.New(a.Err, "error", false)}
	trailer, path, err := f.Open(ctx, what, out, check)
	if err != nil {
		if t := client.Explain(err); t.Everyone && !errors.As(err, new(*connect.Problem)) && fault.KindOf(err) == fault.TryLater {
			return errors.Join(&agent.Failed{Trouble: t, Err: err}, console.ErrNoAnswer)
		}
		return err
	}
	shown := struct {
		Name   string `json:"name"`
		Size   int64  `json:"size"`
		SHA256 string `json:"sha256"`
		Path   string `json:"path,omitempty"`
	}{trailer.Name, trailer.Size, fmt.Sprintf("%x", trailer.SHA256), path}
	if check {
		return a.Print(shown, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "It opens: %s, %d bytes, SHA-256 %s.\n", seal.SafeName(shown.Name), shown.Size, shown.SHA256)
			return err
		})
	}
	return a.Print(shown, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, path)
		return err
	})
}

func (a *app) accessKey(name string) (hpke.PrivateKey, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		kind := fault.Denied
		if errors.Is(err, fs.ErrNotExist) {
			kind = fault.NotFound
		}
		return nil, fault.New(kind, "open: access key", "the access key cannot be read: %v", err)
	}
	defer clear(text)
	if !keyfile.IsEncrypted(text) {
		return keyfile.ParseAccessKey(text)
	}
	e, err := keyfile.ParseEncryptedAccessKey(text)
	if err != nil {
		return nil, err
	}
	passphrase, err := a.Passphrase("Passphrase of " + filepath.Base(name) + ": ")
	if err != nil {
		return nil, err
	}
	defer clear(passphrase)
	return e.Open(passphrase)
}
