package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"sealgate/internal/audit"
	"sealgate/internal/cli"
	"sealgate/internal/cli/doctor"
	"sealgate/internal/config"
	"sealgate/internal/fault"
	"sealgate/internal/logging"
	"sealgate/internal/metrics"
	"sealgate/internal/metrics/levels"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/agentapi"
	"sealgate/internal/portal/api"
	socket "sealgate/internal/portal/control"
	"sealgate/internal/portal/remoteapi"
	"sealgate/internal/portal/web/send"
	"sealgate/internal/transfer/outbox/folders"
	"sealgate/internal/transfer/sftpd"
	"sealgate/internal/transfer/upload"
)

func (a *app) serveCommand() *cobra.Command {
	var file, sftpListen, httpsListen, metricsListen string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the gateway",
		Long: "Run the gateway on a data directory. Every bound address is printed, a line each, and ready\n" +
			"when it accepts work. SIGTERM drains: no new sessions, running transfers get 30 s. Exit code\n" +
			"4: a key is missing, and the message names it.",
		Example: cli.Examples("serve", "serve --data /var/lib/sealgate --sftp-listen 0.0.0.0:2022"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := map[string]string{}
			for name, value := range map[string]string{"sftp.listen": sftpListen, "https.listen": httpsListen, "metrics.listen": metricsListen} {
				if value != "" {
					flags[name] = value
				}
			}
			cfg, err := a.settings(file, flags)
			if err != nil {
				return err
			}
			return a.serve(cmd.Context(), cfg)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration file (else DIR/gateway.yaml)")
	cmd.Flags().StringVar(&sftpListen, "sftp-listen", "", "address of the SFTP server (default 127.0.0.1:2022)")
	cmd.Flags().StringVar(&httpsListen, "https-listen", "", "address of the API and uploads (default 127.0.0.1:8443; \"off\" for none)")
	cmd.Flags().StringVar(&metricsListen, "metrics-listen", "", "address of metrics and profiling (default 127.0.0.1:9464; \"off\" for none)")
	return cmd
}

// serve builds a gateway on its stores, and runs it until ctx ends.
func (a *app) serve(ctx context.Context, cfg *config.Config) error {
	log := logging.New(a.Err, cfg.Log.Level, cfg.Log.JSON)
	slog.SetDefault(log)
	for _, w := range cfg.Warnings {
		log.Warn(w)
	}
	if err := harden(); err != nil {
		log.Warn("memory of this process may be dumped", "error", err)
	}

	// The collector runs when what is kept has doubled: several times a second in a busy
	// gateway, which keeps little. This counts, and takes no memory: nobody touches it.
	unused := make([]byte, 32<<20)
	defer runtime.KeepAlive(unused)

	// What is known and kept: catalog, keys, vault, account databases, accounts.
	counts := metrics.New()
	s, err := a.openStores(ctx, cfg, log, counts)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.accounts.EnsureSystem(ctx); err != nil {
		return err
	}

	shown, err := a.certificates(s, log)
	if err != nil {
		return err
	}
	j, err := a.journey(s, log, counts, shown)
	if err != nil {
		return err
	}
	if err := j.settle(ctx); err != nil {
		return err
	}
	door, err := sftpd.New(sftpd.Options{
		HostKeys: s.keys.HostKeys(), SignIn: s.accounts, Intake: j.in, Outbox: folders.Out{Box: j.out}, Kept: folders.Kept{Box: j.out},
		Space: s.room, Now: a.Now, Log: log, Metrics: counts, IdleTimeout: cfg.SFTP.IdleTimeout,
	})
	if err != nil {
		return err
	}
	control := api.New(j.services(machine{a, s}))
	agentapi.Register(control.Router, agentapi.Services{Accounts: s.accounts, Agents: j.agents, Gateway: cfg.HTTPS.URL, Now: a.Now})
	remoteapi.Register(control.Router, remoteapi.Services{Accounts: s.accounts, Catalog: s.catalog, Remotes: j.remotes})
	control.Observe(counts.Request)
	uploads := j.uploads(control)
	signer, err := audit.NewSigner(s.keys.Identity())
	if err != nil {
		return fault.Wrap(fault.Internal, "serve", err)
	}
	levels.Show(counts, s.catalog, j.notices.Open)
	people := a.portal(s, log, control, j.letters())
	web, err := a.webDoor(s, log, counts, shown, behindHTTPS{
		connect: j.door(shown, counts),
		api:     control.Authenticated(access.Chain(access.Bearer(s.accounts), people)), pages: people, streams: append([]string{send.Pattern, api.SendPattern}, upload.Patterns...),
	})
	if err != nil {
		return err
	}

	ls, err := a.listen(cfg)
	if err != nil {
		return err
	}
	defer ls.close()
	behind := append(j.parts(), part{"sign-on", people.Run}, part{"uploads", uploads.Run}, part{"audit", func(ctx context.Context) error { return s.catalog.Run(ctx, signer) }})
	front := []part{
		{"events", control.Events.Run}, // its streams end when the gateway is to stop
		{"sftp", func(ctx context.Context) error { return door.Run(ctx, ls.sftp) }},
		{"control socket", func(ctx context.Context) error {
			return socket.Serve(ctx, ls.control, control.Handler(access.ControlSocket), log)
		}},
	}
	front = append(front, web.parts(ls)...)
	if ls.metrics != nil {
		behind = append(behind, part{"metrics", func(ctx context.Context) error { return counts.Serve(ctx, ls.metrics) }})
	}
	return runAll(ctx, log, front, behind, func() error { return a.announce(ctx, s, ls, web) })
}

// part is one of the gateway's long-running parts: Run returns when its context
// ends and leaves nothing running.
type part struct {
	name string
	run  func(context.Context) error
}

// runAll runs all parts until ctx ends or one of them fails. The doors end first,
// with the transfers they carry; what they lean on ends after them.
func runAll(ctx context.Context, log *slog.Logger, front, behind []part, ready func() error) error {
	doors, closeDoors := context.WithCancel(context.WithoutCancel(ctx))
	defer closeDoors()
	rest, closeRest := context.WithCancel(context.WithoutCancel(ctx))
	defer closeRest()
	var frontWork, behindWork sync.WaitGroup
	failed := make(chan error, len(front)+len(behind))
	begin := func(ctx context.Context, work *sync.WaitGroup, p part) {
		work.Go(func() {
			if err := p.run(ctx); err != nil && ctx.Err() == nil {
				log.Error("a part of the gateway failed; stopping", "part", p.name, "error", err)
				failed <- fault.Wrap(fault.Internal, p.name, err)
			}
		})
	}
	for _, p := range behind {
		begin(rest, &behindWork, p)
	}
	for _, p := range front {
		begin(doors, &frontWork, p)
	}
	err := ready()
	if err == nil {
		select {
		case <-ctx.Done():
			log.Info("draining")
		case err = <-failed:
		}
	}
	closeDoors()
	frontWork.Wait()
	closeRest()
	behindWork.Wait()
	log.Info("stopped")
	return err
}

// watch ends with an error when the catalog can no longer be trusted to be durable.
func (s *stores) watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.catalog.Failed():
		return fault.New(fault.Internal, "serve", "the catalog could not be written; look at the disk, then start again")
	}
}

// listeners are the gateway's open addresses.
type listeners struct {
	sftp, https, http, metrics, control net.Listener
}

func (a *app) listen(cfg *config.Config) (_ *listeners, err error) {
	ls := &listeners{}
	defer func() {
		if err != nil {
			ls.close()
		}
	}()
	if ls.sftp, err = listenTCP("sftp.listen", cfg.SFTP.Listen); err != nil {
		return nil, err
	}
	for _, door := range []struct {
		listener      *net.Listener
		setting, addr string
	}{
		{&ls.https, "https.listen", cfg.HTTPS.Listen},
		{&ls.http, "http.listen", cfg.HTTP.Listen},
		{&ls.metrics, "metrics.listen", cfg.Metrics.Listen},
	} {
		if door.addr == "" {
			continue
		}
		if *door.listener, err = listenTCP(door.setting, door.addr); err != nil {
			return nil, err
		}
	}
	ls.control, err = socket.Listen(cfg.Data, a.Getenv)
	return ls, err
}

func listenTCP(setting, addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fault.New(fault.Internal, "serve", "cannot listen on %s (%s): %v", addr, setting, err)
	}
	return l, nil
}

func (ls *listeners) close() {
	for _, l := range []net.Listener{ls.sftp, ls.https, ls.http, ls.metrics, ls.control} {
		if l != nil {
			_ = l.Close() // closed by its part already when all went well
		}
	}
}

// announce prints what scripts wait for: every address, the keys by which clients
// know the doors, ready.
func (a *app) announce(ctx context.Context, s *stores, ls *listeners, web *web) error {
	var lines []string
	for _, door := range []struct {
		name string
		net.Listener
	}{{"sftp", ls.sftp}, {"https", ls.https}, {"http", ls.http}, {"metrics", ls.metrics}} {
		if door.Listener != nil {
			lines = append(lines, "listening "+door.name+" "+door.Addr().String())
		}
	}
	for _, key := range s.keys.HostKeys() {
		public, err := ssh.NewPublicKey(key.Public())
		if err != nil {
			return fault.Wrap(fault.Internal, "serve: host key", err)
		}
		lines = append(lines, fmt.Sprintf("hostkey %s %s", ssh.FingerprintSHA256(public), public.Type()))
	}
	if web != nil {
		lines = append(lines, "certificate "+web.fingerprint)
		link, err := s.accounts.FirstLink(ctx)
		switch {
		case fault.Is(err, fault.Full): // what is here can be fetched all the same
			slog.WarnContext(ctx, "the disk is full: the first operator's link is shown at the next start")
		case err != nil:
			return err
		case link != nil:
			lines = append(lines, "sign-in "+web.address(ls.https.Addr())+"/welcome#"+link.Secret)
		}
	}
	for _, line := range append(lines, "ready") {
		if _, err := fmt.Fprintln(a.Out, line); err != nil {
			return fault.Wrap(fault.Internal, "serve: announce", err)
		}
	}
	return nil
}

// machine does for the API what touches files of this machine.
type machine struct {
	app *app
	*stores
}

func (m machine) Backup(ctx context.Context, dir string, progress func(done, total int64)) error {
	return m.backup(ctx, dir, m.app.Now, progress)
}

func (m machine) Room() (free, total int64, err error) { return m.room() }

func (m machine) Examine() []portal.Finding { return doctor.Machine(m.cfg, m.app.Now) }

func (m machine) RotateMaster(ctx context.Context, passphrase []byte) error {
	return rotateMaster(ctx, m.stores, func() ([]byte, error) { return passphrase, nil })
}
