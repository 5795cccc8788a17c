package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/cpu"

	"sealgate/internal/backup"
	"sealgate/internal/cli"
	"sealgate/internal/config"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/health"
	"sealgate/internal/terminal"
)

// finding is a portal.Finding, made here.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Found  string `json:"found"`
	Do     string `json:"do,omitempty"`
}

// The states of a finding.
const (
	fine    = portal.Fine
	warning = portal.Warned
	failed  = portal.Failing
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
	list := checkSettings(cfg)
	list = append(list, a.checkHTTPS(cfg)...)
	list = append(list, a.checkClock(), checkCPU())
	list = append(list, checkDir(cfg)...)
	if _, err := os.Stat(cfg.Data); err == nil {
		list = append(list, checkSync(cfg.Data), checkRoom(cfg.Data))
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
	if slices.ContainsFunc(list, func(f finding) bool { return f.Status == failed }) {
		return cli.Exit(cli.ExitFailed, "unhealthy", "something has to be done: see above")
	}
	return nil
}

func checkSettings(cfg *config.Config) []finding {
	list := []finding{{"configuration", fine, "every setting is known and fits", ""}}
	for _, w := range cfg.Warnings {
		list = append(list, finding{"configuration", warning, w, "correct the name, or unset it"})
	}
	if masterInside(cfg) {
		list = append(list, finding{
			"master key", warning, "it lies in the data directory: who copies that has both",
			"move it to another disk and name its place in gateway.yaml (keys.master: file:PATH)",
		})
	}
	return list
}

// checkDir looks at who may read the data directory and the keys.
func checkDir(cfg *config.Config) []finding {
	var list []finding
	dirs := []string{cfg.Data, filepath.Join(cfg.Data, backup.Keys)}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return append(list, finding{"permissions", failed, dir + " is not there", "gateway init, or gateway restore"})
		case err != nil:
			list = append(list, finding{"permissions", failed, err.Error(), "let the gateway's user into " + dir})
		case info.Mode().Perm()&0o077 != 0:
			list = append(list, finding{"permissions", failed, fmt.Sprintf("%s has mode %04o: others may look in", dir, info.Mode().Perm()), "chmod 700 " + dir})
		default:
			list = append(list, finding{"permissions", fine, fmt.Sprintf("%s has mode %04o", dir, info.Mode().Perm()), ""})
		}
	}
	return list
}

// Bounds of a disk that can be worked with. Below the first, most likely nothing
// reaches a disk at all: a memory file system, or a device that lies.
const (
	tooFast    = 20 * time.Microsecond
	slowSync   = 30 * time.Millisecond
	syncRounds = 15
	lowRoom    = 1 << 30
)

// checkSync measures what every acknowledgement waits for: a small write and its
// fsync.
func checkSync(dir string) finding {
	const name = "disk sync"
	path := filepath.Join(dir, ".doctor")
	_ = os.Remove(path) // of a doctor that was interrupted
	f, err := durable.OS.Create(path)
	if err != nil {
		return finding{name, failed, "cannot write to " + dir, "let the gateway's user write there"}
	}
	defer os.Remove(path)
	defer f.Close()
	took := make([]time.Duration, syncRounds)
	for i := range took {
		begun := time.Now()
		if _, err := f.WriteAt(make([]byte, 4096), int64(i)*4096); err != nil {
			return finding{name, failed, err.Error(), "look at the disk"}
		}
		if err := f.Sync(); err != nil {
			return finding{name, failed, err.Error(), "look at the disk: a failed fsync means lost data"}
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	median := took[len(took)/2]
	found := fmt.Sprintf("4 KiB written and synced in %s (median of %d)", median.Round(time.Microsecond), syncRounds)
	switch {
	case median < tooFast:
		return finding{name, warning, found, "no disk is that fast: is this a memory file system, or a disk that does not sync?"}
	case median > slowSync:
		return finding{name, warning, found, "every file waits for this twice; use a disk with a protected write cache"}
	}
	return finding{name, fine, found, ""}
}

func checkRoom(dir string) finding {
	free, total, err := diskSpace(dir)
	if err != nil {
		return finding{"room", failed, err.Error(), "look at the disk"}
	}
	found := fmt.Sprintf("%s free of %s", terminal.Size(free), terminal.Size(total))
	if free < lowRoom {
		return finding{"room", warning, found, "make room: with none left, new files are refused"}
	}
	return finding{"room", fine, found, ""}
}

func (a *app) checkClock() finding {
	at := a.Now().UTC().Format(time.RFC3339)
	loose, err := clockUnsynchronised()
	switch {
	case err != nil:
		return finding{"clock", warning, at + "; cannot tell whether it is kept right", "run chrony or systemd-timesyncd"}
	case loose:
		return finding{"clock", warning, at + "; nobody keeps it right", "run chrony or systemd-timesyncd: times of receipt are evidence"}
	}
	return finding{"clock", fine, at + ", synchronised", ""}
}

func checkCPU() finding {
	if cpu.X86.HasAES || cpu.ARM64.HasAES || cpu.S390X.HasAES {
		return finding{"algorithms", fine, "AES is done in hardware", ""}
	}
	return finding{"algorithms", warning, "AES is done in software", "sealing will be slow: give the machine a processor (or virtual one) with AES instructions"}
}

// checkGateway asks the running gateway, or opens what a stopped one left.
func (a *app) checkGateway(ctx context.Context, cfg *config.Config) []finding {
	c := client.New(cfg.Data)
	list, err := askGateway(ctx, c)
	switch {
	case err == nil:
		return list
	case !errors.Is(err, client.ErrNoAnswer):
		return []finding{{"gateway", failed, cli.Sentence(err), "see its log"}}
	}
	list = []finding{{"gateway", fine, "it is not running", ""}}
	if _, err := os.Stat(filepath.Join(cfg.Data, backup.Catalog)); err != nil {
		return append(list, finding{"data", failed, "there is no gateway in " + cfg.Data, "gateway init"})
	}
	list = append(list, a.checkStores(ctx, cfg)...)
	for _, l := range [][2]string{
		{"sftp.listen", cfg.SFTP.Listen},
		{"https.listen", cfg.HTTPS.Listen},
		{"http.listen", cfg.HTTP.Listen},
		{"metrics.listen", cfg.Metrics.Listen},
	} {
		if l[1] != "" {
			list = append(list, checkListen(l[0], l[1]))
		}
	}
	return list
}

func askGateway(ctx context.Context, c *client.Client) ([]finding, error) {
	var k portal.KeyStore
	if err := c.Get(ctx, "/keys", nil, &k); err != nil {
		return nil, err
	}
	var found []portal.Finding
	if err := c.Get(ctx, "/doctor", nil, &found); err != nil {
		return nil, err
	}
	return append([]finding{{"gateway", fine, "it is running", ""}, openKeys(&k)}, findings(found)...), nil
}

func openKeys(k *portal.KeyStore) finding {
	return finding{"keys", fine, fmt.Sprintf("open; accounts with keys: %d; generation %d", k.Accounts, k.Generation), ""}
}

func findings(found []portal.Finding) []finding {
	list := make([]finding, 0, len(found))
	for _, f := range found {
		list = append(list, finding(f))
	}
	return list
}

func (a *app) checkStores(ctx context.Context, cfg *config.Config) []finding {
	s, err := a.openStores(ctx, cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		do := "see gateway keys restore"
		if !fault.Is(err, fault.Locked) {
			do = "see gateway restore"
		}
		return []finding{{"keys", failed, cli.Sentence(err), do}}
	}
	defer s.close()
	k, err := health.KeyStore(s.keys)
	if err != nil {
		return []finding{{"keys", failed, cli.Sentence(err), "see gateway keys restore"}}
	}
	found, err := health.Keys(ctx, s.accounts, s.custody, s.keys)
	if err != nil {
		return []finding{openKeys(k), {"keys", failed, cli.Sentence(err), "see gateway keys restore"}}
	}
	return append([]finding{openKeys(k)}, findings(found)...)
}

func checkListen(setting, addr string) finding {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return finding{"listeners", failed, fmt.Sprintf("%s: %v", setting, err), "end what listens there, or set " + setting}
	}
	l.Close()
	return finding{"listeners", fine, fmt.Sprintf("%s: %s is free", setting, addr), ""}
}
