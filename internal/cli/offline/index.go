package offline

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/command"
	"sealgate/internal/fault"
	"sealgate/internal/index"
	"sealgate/internal/payment"
	"sealgate/internal/terminal"
)

func (a *app) indexCommand() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "index FILE...",
		Short: "Read payment files and say what is in them",
		Long: "Read files with the indexer of the gateway. With --json one file gives one object with its\n" +
			"payments; several give one object a line, each with \"file\". The exit code is 0 when every\n" +
			"file got an answer, whatever the answer is; with --check it is 6 when any file is held or\n" +
			"refused. Needs no gateway.",
		Example: cli.Examples("index lon.xml", "index --json lon.xml | jq .sums", "index --check outgoing/*.xml"),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.index(cmd.Context(), args, strict)
		},
	}
	cmd.Flags().BoolVar(&strict, "check", false, "exit 6 when any file is held or refused")
	return cmd
}

func (a *app) index(ctx context.Context, files []string, strict bool) error {
	out := bufio.NewWriterSize(a.Out, 64<<10)
	table := terminal.NewTable("FILE", "OUTCOME", "FORMAT", ">PAYMENTS", "SUMS")
	var notes []string
	var failed error
	bad := 0
	for _, name := range files {
		s, err := a.indexOne(ctx, out, name, len(files) > 1)
		if err != nil {
			err = fault.Wrap(fault.Internal, "index "+name, err)
			if len(files) == 1 || ctx.Err() != nil {
				return errors.Join(err, out.Flush())
			}
			a.Report(err)
			failed = err
			continue
		}
		if s.Outcome != payment.Indexed {
			bad++
		}
		table.Row(name, string(s.Outcome), cli.Format(s.Format, s.Variant), a.Locale.Count(s.PaymentCount), a.Sums(s.Sums))
		notes = append(notes, cli.Findings(name, s.Findings)...)
	}
	if !a.JSON {
		if _, err := table.WriteTo(out); err != nil {
			return err
		}
		for _, note := range notes {
			fmt.Fprintln(out, terminal.Clean(note))
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	switch {
	case failed != nil:
		return command.Exit(command.OutcomeOf(failed).Code, fault.KindOf(failed).String(), "not every file could be read")
	case strict && bad > 0:
		return command.Exit(command.ExitDamaged, "held", "%d of %d files held or refused", bad, len(files))
	}
	return nil
}

// indexOne reads one file and, with --json, writes its answer. The payments are
// streamed, so that memory stays flat; but whether there are any to show is known
// only at the end of the file (a refused one has none), so it is read twice then.
func (a *app) indexOne(ctx context.Context, out *bufio.Writer, name string, several bool) (payment.Summary, error) {
	f, size, err := command.OpenLocal(name)
	if err != nil {
		return payment.Summary{}, err
	}
	defer f.Close()
	src, err := rewindable(f)
	if err != nil {
		return payment.Summary{}, command.Local(name, err)
	}
	s, err := a.read(ctx, src, size, func(*payment.Payment) error { return nil })
	if err != nil || !a.JSON {
		return s, err
	}
	if _, err := src.Seek(0, io.SeekStart); err != nil {
		return s, err
	}
	if err := answerHead(out, s, name, several); err != nil {
		return s, err
	}
	var count int64
	if s.Outcome != payment.Refused {
		_, err = a.read(ctx, src, size, func(p *payment.Payment) error {
			if count++; count > 1 {
				_ = out.WriteByte(',') // a write error sticks, and the next write tells
			}
			return write(out, p)
		})
	}
	if err == nil && s.Outcome != payment.Refused && count != s.PaymentCount {
		err = fault.New(fault.Internal, "index", "%s was changed while it was read", name)
	}
	_, werr := out.WriteString("]}\n")
	return s, errors.Join(err, werr)
}

func (a *app) read(ctx context.Context, src io.Reader, size int64, emit func(*payment.Payment) error) (payment.Summary, error) {
	r, done := terminal.Progress(a.Err, src, size, "reading")
	defer done()
	return index.Read(ctx, r, emit)
}

// answerHead writes the answer of docs/formats.md up to its payments.
func answerHead(out *bufio.Writer, s payment.Summary, name string, several bool) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if several {
		quoted, err := json.Marshal(name)
		if err != nil {
			return err
		}
		text = append([]byte(`{"file":`+string(quoted)+`,`), text[1:]...)
	}
	_, err = out.Write(append(bytes.TrimSuffix(text, []byte("}")), `,"payments":[`...))
	return err
}

func write(out *bufio.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// maxPipe bounds what is held of an input that cannot be read twice.
const maxPipe = 256 << 20

// rewindable gives f, or what came through f when it is a pipe.
func rewindable(f *os.File) (io.ReadSeeker, error) {
	if _, err := f.Seek(0, io.SeekStart); err == nil {
		return f, nil
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPipe+1))
	if len(text) > maxPipe {
		return nil, fault.New(fault.TooLarge, "index", "more than 256 MiB through a pipe: give a file")
	}
	return bytes.NewReader(text), err
}
