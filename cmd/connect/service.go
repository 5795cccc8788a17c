package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/kardianos/service"
	"github.com/spf13/cobra"

	"sealgate/internal/agent/console"
	"sealgate/internal/agent/home"
	"sealgate/internal/command"
	"sealgate/internal/fault"
)

const serviceName = home.Service

func (a *app) serviceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "service",
		Short:   "Run Connect as a service of this machine: install, uninstall, start, stop, status",
		Example: console.Examples("service install", "service install --user sealgate-connect", "service start", "service stop", "service status", "service uninstall"),
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return command.Usage(errors.New("service needs one of: install, uninstall, start, stop, status"))
		},
	}
	var user string
	var password bool
	install := &cobra.Command{
		Use:   "install",
		Short: "Make Connect a service that starts with the machine",
		Long: "install makes Connect a service: of Windows, systemd or launchd. It runs as an account of its own,\nwhich has to be able to read the watched folders and to move files in them, and nothing else:\n" +
			"on Windows NT SERVICE\\" + serviceName + " unless --user says otherwise (shares may need a domain\naccount), on Linux the account " + serviceName + " if there is one. Under systemd, run it again after\na folder is added: the service may write nowhere else.",
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
	for _, act := range []struct {
		name, short, done string
		do                func(service.Service) error
	}{
		{"uninstall", "Stop the service and take it away; the directory of Connect stays", "The service is gone. Keys, journal and receipts stay.", uninstall},
		{"start", "Start the service", "Connect runs. See: connect status", service.Service.Start},
		{"stop", "Stop the service; nothing is lost", "Connect is stopped.", service.Service.Stop},
	} {
		cmd.AddCommand(&cobra.Command{
			Use: act.name, Short: act.short, Example: console.Examples("service " + act.name), Args: cobra.NoArgs,
			RunE: func(*cobra.Command, []string) error {
				s, err := a.service("", "")
				if err == nil {
					err = steer(s, act.name, act.do)
				}
				if err != nil {
					return serviceFault(act.name, err)
				}
				return a.Done(act.done)
			},
		})
	}
	cmd.AddCommand(&cobra.Command{
		Use: "status", Short: "Say whether the service is there, and runs", Example: console.Examples("service status", "service status --json"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.service("", "")
			if err != nil {
				return err
			}
			return a.serviceStatus(s)
		},
	})
	return cmd
}

// serviceStatus says what the service manager knows; 3 when it knows no such service.
func (a *app) serviceStatus(s service.Service) error {
	state, says := "running", "is running."
	switch is, err := s.Status(); {
	case errors.Is(err, service.ErrNotInstalled):
		return noService("status")
	case isSystemd(s) && newSystemd().failed(): // the library has an error without a name for that
		state, says = "failed", "has failed. Why: journalctl -u "+serviceName+". When that is put right: connect service start"
	case err != nil:
		return serviceFault("status", err)
	case is != service.StatusRunning:
		state, says = "stopped", "is stopped."
	}
	return a.Print(map[string]string{"service": serviceName, "state": state}, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "The service %s %s\n", serviceName, says)
		return err
	})
}

// steer does something to the service; of one that is not there, its manager would speak
// in words of its own.
func steer(s service.Service, act string, do func(service.Service) error) error {
	if _, err := s.Status(); errors.Is(err, service.ErrNotInstalled) {
		return noService(act)
	}
	return do(s)
}

func noService(act string) error {
	return fault.New(fault.NotFound, "service: "+act, "Connect is not a service of this machine; make it one with: connect service install")
}

func serviceFault(act string, err error) error {
	if fault.Is(err, fault.NotFound) {
		return err
	}
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
	c := &service.Config{
		Name: serviceName, DisplayName: "Sealgate Connect", Description: "Seals payment files and delivers them to a Sealgate gateway",
		Arguments: []string{"run", "--dir", string(h)}, UserName: user,
		Option: service.KeyValue{
			"KeepAlive": true, "RunAtLoad": true, // launchd
			"OnFailure": "restart", "OnFailureDelayDuration": "10s", // Windows
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
	set, err := h.Settings()
	if err != nil {
		return err
	}
	user, err = a.account(user, h)
	if err != nil {
		return err
	}
	s, err := a.service(user, password)
	if err != nil {
		return serviceFault("install", err)
	}
	if isSystemd(s) {
		program, err := os.Executable()
		if err == nil {
			err = newSystemd().install(program, user, h, set)
		}
		if err != nil {
			return serviceFault("install", err)
		}
	} else if err := s.Install(); err != nil {
		return serviceFault("install", err)
	}
	return a.Done("Connect is a service and starts with this machine. Now: connect service start")
}

func isSystemd(s service.Service) bool { return s.Platform() == "linux-systemd" }

func uninstall(s service.Service) error {
	if isSystemd(s) {
		return newSystemd().uninstall()
	}
	if is, err := s.Status(); err == nil && is == service.StatusRunning {
		if err := s.Stop(); err != nil {
			return err
		}
	}
	return s.Uninstall()
}

// account is whom the service runs as; the directory becomes his.
func (a *app) account(user string, h home.Home) (string, error) {
	if user == "" {
		user = defaultAccount()
	}
	switch {
	case user != "":
		return user, handOver(h, user)
	case os.Geteuid() != 0:
		return "", fault.New(fault.Denied, "service: install", "this takes an administrator: run it with sudo")
	}
	return "", command.Usage(fmt.Errorf("name the account that the service runs as with --user, or make one: useradd --system --home-dir %s %s", h, serviceName))
}
