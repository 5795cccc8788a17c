// Command payfiles writes many small payment files for bench/run: pain.001, each
// with its own message id and payments, and all of exactly the same size.
//
//	payfiles -n 2000 -size 12288 -seed 1 -prefix r1- -o DIR
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"sealgate/internal/index/paygen"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "payfiles:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("payfiles", flag.ExitOnError)
	n := flags.Int("n", 100, "files")
	size := flags.Int("size", 12<<10, "bytes of each")
	seed := flags.Uint64("seed", 1, "seed of the first file; each has the next")
	prefix := flags.String("prefix", "", "begins each file's name")
	out := flags.String("o", ".", "`directory` to write to")
	if err := flags.Parse(args); err != nil {
		return err
	}
	for i := range *n {
		text, err := file(*seed+uint64(i), *size)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(*out, fmt.Sprintf("%s%05d.xml", *prefix, i)), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// file is a payment file of as many payments as there is room for, with blank
// lines after its end, where XML allows them, up to the size.
func file(seed uint64, size int) ([]byte, error) {
	var fits []byte
	for payments := uint64(1); ; payments++ {
		var b bytes.Buffer
		b.Grow(size + 4096)
		spec := paygen.Spec{Format: paygen.Pain001, Version: "09", Payments: payments, Batch: payments, Seed: seed}
		if _, err := paygen.Write(&b, spec); err != nil {
			return nil, err
		}
		if b.Len() > size {
			break
		}
		fits = b.Bytes()
	}
	if fits == nil {
		return nil, errors.New("the size is too small for one payment")
	}
	return append(fits, bytes.Repeat([]byte("\n"), size-len(fits))...), nil
}
