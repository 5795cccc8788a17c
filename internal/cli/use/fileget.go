package use

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
	"sealgate/internal/seal"
	"sealgate/internal/terminal"
)

func (a *app) fileGet() *cobra.Command {
	var out string
	var sealed bool
	cmd := &cobra.Command{
		Use:   "get ID",
		Short: "Fetch a file's content",
		Long: "Fetch a file's content to -o FILE, else to the file's own name in the current directory;\n" +
			"\"-o -\" is standard output. Nothing is overwritten, and the file appears only when all of it\n" +
			"was verified. With --sealed it comes as it lies in the vault: see gateway open.",
		Example: cli.Examples("file get 0197c2f0-... -o lon.xml", "file get 0197c2f0-... --sealed -o lon.sealed"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			what := "content"
			if sealed {
				what = "sealed"
			}
			return a.fetch(cmd.Context(), ask.File(args[0], what), out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	cmd.Flags().BoolVar(&sealed, "sealed", false, "fetch the sealed file")
	return cmd
}

// fetched is what file get prints with --json.
type fetched struct {
	Output string `json:"output"`
	Size   int64  `json:"size"`
}

func (a *app) fetch(ctx context.Context, path, out string) error {
	c, err := a.Gateway()
	if err != nil {
		return err
	}
	content, err := c.Download(ctx, path)
	if err != nil {
		return err
	}
	defer content.Close()
	r, done := terminal.Progress(a.Err, content, content.Size, "fetching")
	defer done()
	if out == "-" {
		_, err := io.Copy(a.Out, r)
		return err
	}
	if out == "" {
		out = seal.SafeName(content.Name)
	}
	n, err := receive(out, r, content.Size)
	if err != nil {
		return err
	}
	return a.Print(fetched{out, n}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "fetched %s to %s\n", terminal.Size(n), terminal.Clean(out))
		return err
	})
}

// receive writes a new file that appears only when all of r was read without an
// error.
func receive(name string, r io.Reader, size int64) (int64, error) {
	if _, err := os.Lstat(name); err == nil {
		return 0, fault.New(fault.Exists, "fetch", "%s is there already; nothing was overwritten", name)
	}
	tmp, err := os.CreateTemp(filepath.Dir(name), ".sealgate-*.tmp") // mode 0600
	if err != nil {
		return 0, command.Local(filepath.Dir(name), err)
	}
	defer os.Remove(tmp.Name())
	n, err := io.Copy(tmp, r)
	if err == nil && size >= 0 && n != size {
		err = fault.New(fault.Internal, "fetch", "the gateway sent %d bytes of %d", n, size)
	}
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return n, err
	}
	err = os.Link(tmp.Name(), name)
	if err != nil && !errors.Is(err, os.ErrExist) {
		err = copyNew(tmp.Name(), name) // no hard links here
	}
	if errors.Is(err, os.ErrExist) {
		err = fault.New(fault.Exists, "fetch", "%s is there already; nothing was overwritten", name)
	}
	return n, err
}

// copyNew copies a file to a name that nobody has taken.
func copyNew(from, name string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err := errors.Join(err, dst.Sync(), dst.Close()); err != nil {
		os.Remove(name)
		return err
	}
	return nil
}

func (a *app) fileWait() *cobra.Command {
	var until string
	timeout := portal.Duration(time.Minute)
	cmd := &cobra.Command{
		Use:   "wait ID...",
		Short: "Wait until files have come to rest",
		Long: "Wait until every file named is kept, deleted, erased, held, refused, locked, waiting or\n" +
			"delivered. Exit code 6: one is held or refused; 4: one is locked; 1: time is over.\n" +
			"--until received is content with any file that was acknowledged; --until delivered waits\n" +
			"until the account has fetched it.",
		Example: cli.Examples("file wait 0197c2f0-... --timeout 5m"),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.wait(cmd.Context(), args, until, time.Duration(timeout))
		},
	}
	cmd.Flags().StringVar(&until, "until", "rest", "rest, received or delivered")
	cmd.Flags().Var(&timeout, "timeout", "how long to wait")
	return cmd
}

// maxWait is the longest that one request waits; longer is waited for by asking
// again.
const maxWait = time.Hour

func (a *app) wait(ctx context.Context, ids []string, until string, timeout time.Duration) error {
	c, err := a.Gateway()
	if err != nil {
		return err
	}
	end := a.Now().Add(timeout)
	files := make([]fileobject.Object, 0, len(ids))
	for _, id := range ids {
		o, err := waitOne(ctx, c, id, until, end.Sub(a.Now()))
		if err != nil {
			return err
		}
		files = append(files, o)
	}
	err = a.printFiles(files)
	if err != nil || until == "received" {
		return err
	}
	return verdict(files)
}

func waitOne(ctx context.Context, c *client.Client, id, until string, left time.Duration) (o fileobject.Object, err error) {
	seconds := int(min(max(left, 0), maxWait).Round(time.Second) / time.Second)
	query := url.Values{"until": {until}, "timeout": {strconv.Itoa(seconds)}}
	err = c.Get(ctx, ask.File(id, "wait"), query, &o)
	if fault.Is(err, fault.TryLater) && left > maxWait {
		return waitOne(ctx, c, id, until, left-maxWait)
	}
	return o, err
}

// verdict turns the states that files came to rest in into an exit code.
func verdict(files []fileobject.Object) error {
	for _, o := range files {
		switch o.State {
		case "held", "refused":
			return command.Exit(command.ExitDamaged, o.State, "%s is %s", o.ID, o.State)
		case "locked":
			return command.Exit(command.ExitDenied, o.State, "%s is locked: a key is missing", o.ID)
		}
	}
	return nil
}

func parseAge(text string) (time.Duration, error) {
	d, err := portal.ParseDuration(text)
	return time.Duration(d), err
}
