package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"sealgate/internal/agent/console"
	"sealgate/internal/agent/home"
	"sealgate/internal/command"
	"sealgate/internal/fault"
)

const serviceName = "sealgate-connect"

func (a *app) serviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "service",
		Short:   "Run Connect as a service of this machine: install, uninstall, start, stop",
		Example: console.Examples("service install", "service install --user sealgate-connect", "service start", "service stop", "service uninstall"),
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return command.Usage(errors.New("service needs one of: install, uninstall, start, stop"))
		},
	}
	var user string
	var password bool
	install := &cobra.Command{
		Use:   "install",
		Short: "Make Connect a service that starts with the machine",
		Long: "install makes Connect a service: of Windows, systemd or launchd. It runs as an account of its own,\nwhich has to be able to read the watched folders and to move files in them, and nothing else:\n" +
			"on Windows Local Service unless --user says otherwise (shares need a domain account), on Linux\nthe account " + serviceName + " if there is one.",
		Example: console.Examples("service install", "service install --user 'OFFICE\\svc-connect' --password-stdin"),
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			secret := ""
			if password {
				b, err := a.Passphrase("Password of " + user + ": ")
				if err != nil {
					return err
				}
				secret = string(b)
			}
			return a.install(user, secret)
		},
	}
	install.Flags().StringVar(&user, "user", "", "account that the service runs as")
	install.Flags().BoolVar(&password, "password-stdin", false, "read that account's password from standard input (Windows)")
	cmd.AddCommand(install)
	for _, act := range []struct{ name, short, done string }{
		{"uninstall", "Take the service away; the directory of Connect stays", "The service is gone. Keys, journal and receipts stay."},
		{"start", "Start the service", "Connect runs. See: connect status"},
		{"stop", "Stop the service; nothing is lost", "Connect is stopped."},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: act.name, Short: act.short, Example: console.Examples("service " + act.name), Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				s, err := a.service("", "")
				if err == nil {
					err = service.Control(s, act.name)
				}
				if err != nil {
					return serviceFault(act.name, err)
				}
				return a.Done(act.done)
			},
		})
	}
	return cmd
}

func serviceFault(act string, err error) error {
	text := err.Error()
	if errors.Is(err, os.ErrPermission) || strings.Contains(strings.ToLower(text), "denied") {
		return fault.New(fault.Denied, "service: "+act, "this takes an administrator: %s", text)
	}
	return fault.New(fault.Internal, "service: "+act, "the service manager refused: %s", text)
}

// service describes the service; user and password matter to installing only.
func (a *app) service(user, password string) (service.Service, error) {
	h, err := a.Home()
	if err != nil {
		return nil, err
	}
	s, err := h.Settings()
	if err != nil {
		return nil, err
	}
	c := &service.Config{
		Name: serviceName, DisplayName: "Sealgate Connect", Description: "Seals payment files and delivers them to a Sealgate gateway",
		Arguments: []string{"run", "--dir", string(h)}, UserName: user,
		Option: service.KeyValue{
			"SystemdScript": unit(h, s), "Restart": "always", "KeepAlive": true, "RunAtLoad": true,
			"OnFailure": "restart", "OnFailureDelayDuration": "10s", "DelayedAutoStart": true,
		},
	}
	if password != "" {
		c.Option["Password"] = password
	}
	return service.New(idle{}, c)
}

func (a *app) install(user, password string) error {
	h, err := a.Home()
	if err != nil {
		return err
	}
	if _, err := h.Enrolled(); err != nil {
		return err
	}
	user, err = a.account(user, h)
	if err != nil {
		return err
	}
	s, err := a.service(user, password)
	if err == nil {
		err = s.Install()
	}
	if err != nil {
		return serviceFault("install", err)
	}
	return a.Done("Connect is a service and starts with this machine. Now: connect service start")
}

// account is whom the service runs as; the directory becomes his.
func (a *app) account(user string, h home.Home) (string, error) {
	if user == "" {
		user = defaultAccount()
	}
	switch {
	case user != "":
		return user, handOver(h, user)
	case runtime.GOOS == "windows":
		return `NT AUTHORITY\LocalService`, nil
	case os.Geteuid() != 0:
		return "", fault.New(fault.Denied, "service: install", "this takes an administrator: run it with sudo")
	}
	return "", command.Usage(fmt.Errorf("name the account that the service runs as with --user, or make one: useradd --system --home-dir %s %s", h, serviceName))
}

// unit is the service of systemd: it may write to its directory and to the folders
// in the settings, and has no right beyond its account's but to take leases (package
// watch).
func unit(h home.Home, s *home.Settings) string {
	writes := []string{string(h)}
	for _, f := range s.Folders {
		writes = append(writes, f.Path)
	}
	if s.Outbox != "" {
		writes = append(writes, s.Outbox)
	}
	var paths strings.Builder
	for _, w := range writes {
		// "-": a share that is not there keeps nothing from starting
		fmt.Fprintf(&paths, "ReadWritePaths=\"-%s\"\n", strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(filepath.Clean(w)))
	}
	return `[Unit]
Description={{Description}}
After=network-online.target remote-fs.target
Wants=network-online.target

[Service]
ExecStart={{Path | cmdEscape}}{{range Arguments}} {{. | cmd}}{{end}}
User={{UserName}}
Restart=always
RestartSec=10
UMask=0027
NoNewPrivileges=yes
# to see whether somebody has a file open for writing that is another account's
CapabilityBoundingSet=CAP_LEASE
AmbientCapabilities=CAP_LEASE
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
` + paths.String() + `
[Install]
WantedBy=multi-user.target
`
}

// idle is a service that is described and not run.
type idle struct{}

func (idle) Start(service.Service) error { return nil }
func (idle) Stop(service.Service) error  { return nil }

// asService runs work until it is told to stop: by a signal, or, as a service of
// Windows, by its service manager.
func asService(ctx context.Context, work func(context.Context) error) error {
	if runtime.GOOS != "windows" || service.Interactive() {
		return work(ctx)
	}
	p := &program{work: work, done: make(chan error, 1)}
	s, err := service.New(p, &service.Config{Name: serviceName})
	if err != nil {
		return err
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	if err := s.Run(); err != nil {
		return err
	}
	return <-p.done
}

// program is work that a service manager starts and stops.
type program struct {
	ctx    context.Context
	cancel context.CancelFunc
	work   func(context.Context) error
	done   chan error
}

// Start implements service.Interface: it returns at once.
func (p *program) Start(s service.Service) error {
	go func() {
		err := p.work(p.ctx)
		p.done <- err
		if err != nil && p.ctx.Err() == nil { // it ended by itself: the manager starts it again
			os.Exit(1)
		}
	}()
	return nil
}

// Stop implements service.Interface.
func (p *program) Stop(service.Service) error {
	p.cancel()
	err := <-p.done
	p.done <- err
	return nil
}
