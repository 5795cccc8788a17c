package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"sealgate/internal/agent"
	"sealgate/internal/agent/console"
	"sealgate/internal/agent/control"
	"sealgate/internal/agent/doctor"
	"sealgate/internal/agent/enrol"
	"sealgate/internal/agent/home"
	"sealgate/internal/agent/logfile"
	"sealgate/internal/agent/wire"
	"sealgate/internal/command"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/logging"
	"sealgate/internal/statement"
	"sealgate/internal/terminal"
)

func (a *app) enrollCommand() *cobra.Command {
	var gateway, code, ca string
	cmd := &cobra.Command{
		Use:   "enroll --gateway URL --code CODE",
		Short: "Make this machine an agent, with a code from the gateway",
		Long: "enroll makes this machine an agent of the account that the code was made for. The code works\nonce and for a short time. It names the gateway, so that nobody else can pose as it: the\n" +
			"gateway's certificate need not be known here. If the answer is lost, the same command may be\ngiven again.",
		Example: console.Examples("enroll --gateway https://gateway.example.com --code sgc1-abcdef-…", "enroll --gateway https://gateway.example.com --code sgc1-… --ca office-proxy.pem"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.enroll(cmd.Context(), gateway, code, ca)
		},
	}
	f := cmd.Flags()
	f.StringVar(&gateway, "gateway", "", "address of the gateway, https://…")
	f.StringVar(&code, "code", "", "the enrolment code")
	f.StringVar(&ca, "ca", "", "PEM file of an authority to believe, such as that of a proxy that opens TLS")
	for _, name := range []string{"gateway", "code"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag's name is wrong in the line above
		}
	}
	return cmd
}

func (a *app) enroll(ctx context.Context, gateway, code, caFile string) (err error) {
	h, err := a.Home()
	if err != nil {
		return err
	}
	if err := h.Make(); err != nil {
		return err
	}
	defer func() {
		if given := giveBack(h); err == nil {
			err = given
		}
	}()
	lock, err := durable.LockDir(string(h))
	if fault.Is(err, fault.TryLater) {
		return fault.New(fault.TryLater, "enroll", "Connect is running in %s; stop it first: connect service stop", h)
	}
	if err != nil {
		return err
	}
	defer lock.Unlock()
	settings, err := h.Settings()
	if err != nil {
		return err
	}
	ca, err := readCA(caFile)
	if err != nil {
		return err
	}
	e, err := enrol.Enrol(ctx, h, enrol.Request{
		Gateway: gateway, Code: code, Proxy: settings.Proxy, CA: ca, Platform: agent.Platform(), Program: a.program(), Now: a.Now,
	})
	if err != nil {
		return answered(err)
	}
	if err := sample(h); err != nil {
		return err
	}
	shown := struct {
		Agent    string `json:"agent"`
		AgentID  string `json:"agent_id"`
		Account  string `json:"account"`
		Identity string `json:"identity"`
		Dir      string `json:"dir"`
	}{e.Label, e.Agent.String(), e.Name, statement.Fingerprint(e.Identity), string(h)}
	return a.Print(shown, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "This machine is now the agent %s of %s.\nGateway identity: %s\n\nNext: name the folders to watch in %s, then:\n  connect service install\n  connect service start\n  connect status\n",
			terminal.Clean(e.Label), terminal.Clean(e.Name), shown.Identity, h.Config())
		return err
	})
}

// sample writes a commented connect.yaml unless there is one.
func sample(h home.Home) error {
	f, err := os.OpenFile(h.Config(), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fault.Wrap(fault.Internal, "enroll: settings", err)
	}
	defer f.Close()
	_, err = f.WriteString(home.Sample)
	return fault.Wrap(fault.Internal, "enroll: settings", err)
}

func readCA(name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "connect: ca", "the file of authorities cannot be read: %v", err)
	}
	return text, nil
}

// answered says of an error that came from the wire whether anybody answered.
func answered(err error) error {
	var t interface{ Answered() bool }
	if errors.As(err, &t) && !t.Answered() {
		return errors.Join(err, console.ErrNoAnswer)
	}
	return err
}

// options are what every command that needs an agent makes it of.
func (a *app) options(log *slog.Logger) (agent.Options, error) {
	h, err := a.Home()
	if err != nil {
		return agent.Options{}, err
	}
	s, err := h.Settings()
	if err != nil {
		return agent.Options{}, err
	}
	o := agent.Options{Home: h, Settings: s, Program: a.program(), Disk: durable.OS, Now: a.Now, Log: log}
	if o.CA, err = readCA(s.CA); err != nil {
		return o, err
	}
	if s.AccessKey != "" {
		text, err := os.ReadFile(s.AccessKey)
		if err != nil {
			return o, fault.New(fault.Invalid, "connect: access key", "fetch.access-key cannot be read: %v", err)
		}
		defer clear(text)
		if keyfile.IsEncrypted(text) {
			return o, fault.New(fault.Invalid, "connect: access key", "fetch.access-key is under a passphrase, which a service cannot be asked for; name a key without one, 0600")
		}
		if o.Access, err = keyfile.ParseAccessKey(text); err != nil {
			return o, err
		}
	}
	return o, nil
}

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "run",
		Short:   "Watch, send and fetch until stopped; what the service runs",
		Example: console.Examples("run", "run --dir /var/lib/sealgate-connect"),
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return asService(cmd.Context(), a.run) },
	}
}

// memory is what the collector tries to stay below: the parts of large files in it take
// 20 MiB, and pages of the program and of the journal, which it does not count, another 20.
const memory = 38 << 20

func (a *app) run(ctx context.Context, also slog.Handler) error {
	debug.SetMemoryLimit(memory)
	debug.SetGCPercent(200) // of hardly anything, but for the parts: see agent's rest
	h, err := a.Home()
	if err != nil {
		return err
	}
	if err := notAsRoot(h); err != nil {
		return err
	}
	s, err := h.Settings()
	if err != nil {
		return err
	}
	if _, err := h.Enrolled(); err != nil {
		return err
	}
	file, err := logfile.Open(h.Log())
	if err != nil {
		return err
	}
	defer file.Close()
	log := slog.New(slog.NewMultiHandler(logging.New(logTo(file, a.Err), s.LogLevel, false).Handler(), also))
	o, err := a.options(log)
	if err != nil {
		log.Error("connect cannot start", "why", console.Sentence(err))
		return err
	}
	work, err := agent.Open(ctx, o)
	if err != nil {
		log.Error("connect cannot start", "why", console.Sentence(err))
		return err
	}
	defer work.Close()
	return work.Run(ctx)
}

// logTo writes to the log, and to standard error as well as that goes: a service of
// Windows has none.
func logTo(file, stderr io.Writer) io.Writer { return io.MultiWriter(file, deaf{stderr}) }

// deaf is a writer whose failures nobody hears of.
type deaf struct{ w io.Writer }

func (d deaf) Write(p []byte) (int, error) {
	_, _ = d.w.Write(p)
	return len(p), nil
}

func (a *app) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Say what keeps Connect from working, and what to do",
		Long: "doctor looks at the directory, the settings, the journal, each folder's rights, the service, the\nway to the gateway (name server, proxy, certificate, clock) and this agent's standing there.\n" +
			"Run it as the account that the service runs as, since it is that account's rights that count.",
		Example: console.Examples("doctor", "doctor --json"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := a.Home()
			if err != nil {
				return err
			}
			found := doctor.Look(cmd.Context(), doctor.Patient{
				Home: h, Settings: h.Settings,
				Dial: func(s *home.Settings) (home.Enrolment, *wire.Client, error) {
					ca, err := readCA(s.CA)
					if err != nil {
						return home.Enrolment{}, nil, err
					}
					return agent.Dial(agent.Options{Home: h, Settings: s, CA: ca, Now: a.Now})
				},
				Running: func(ctx context.Context) error {
					_, err := control.Dial(h.Socket()).Status(ctx)
					return err
				},
			})
			failed := 0
			for _, f := range found {
				if f.State == doctor.Failure {
					failed++
				}
			}
			err = a.Print(found, func(w io.Writer) error {
				t := terminal.NewTable("", "", "")
				for _, f := range found {
					t.Row(f.State, f.Name, f.Sentence)
				}
				_, err := t.WriteTo(w)
				return err
			})
			if err == nil && failed > 0 {
				err = command.Exit(command.ExitFailed, "unwell", "something has to be done: see above")
			}
			return err
		},
	}
}
