// Command paygen writes large synthetic payment files, for the demo, tests and
// timing.
//
//	paygen -format pain001 -version 09 -n 100000 -batch 1000 -o big.xml -expect big.json
//	paygen -format lb -n 200000 > big.txt
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"sealgate/internal/index/paygen"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "paygen:", err)
		}
		os.Exit(2)
	}
}

func run(args []string, stdout io.Writer) (err error) {
	var s paygen.Spec
	flags := flag.NewFlagSet("paygen", flag.ContinueOnError)
	flags.StringVar(&s.Format, "format", paygen.Pain001, "pain001 or lb")
	flags.StringVar(&s.Version, "version", "03", "pain.001 version: 03 or 09")
	flags.Uint64Var(&s.Payments, "n", 1000, "number of payments")
	flags.Uint64Var(&s.Batch, "batch", 1000, "payments in a batch")
	flags.Uint64Var(&s.Seed, "seed", 1, "seed")
	out := flags.String("o", "-", "output `file`, - for standard output")
	expect := flags.String("expect", "", "write the totals here as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	w := stdout
	if *out != "-" {
		f, err := os.Create(*out)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		w = f
	}
	totals, err := paygen.Write(w, s)
	if err != nil || *expect == "" {
		return err
	}
	b, err := json.MarshalIndent(totals, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(*expect, append(b, '\n'), 0o644)
}
