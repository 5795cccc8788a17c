//go:build linux

// Command sftpload puts load on an SFTP server, or watches a program, for
// bench/run, and prints one line of JSON.
//
// Modes:
//
//	sessions  each file gets its own TCP connection, key exchange, login, upload
//	          and disconnect; the latency is the whole of it
//	hold      opens -clients sessions and keeps them, to read the server's memory
//	          (-server-pid)
//	proc      no network: the CPU and memory of -server-pid and all below it
//	time      no network: runs the command that follows "--" and says how long it
//	          took, its CPU and its peak memory
//	reap      no network: runs the command that follows "--" as a child, so that
//	          -server-pid of this process counts the CPU of all its descendants,
//	          orphans too; prints nothing
//
// It measures on loopback: it checks no host keys, and refuses other addresses.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

type options struct {
	addr, user, password, keyFile string
	mode, dir, payload            string
	clients, parallel             int
	serverPID                     int
	postQuantum                   bool
	timeout, settle               time.Duration
}

func main() {
	code, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sftpload:", err)
	}
	os.Exit(code)
}

// run returns the exit status: 3 when some sessions failed.
func run(args []string, stdout io.Writer) (int, error) {
	var o options
	flags := flag.NewFlagSet("sftpload", flag.ContinueOnError)
	flags.StringVar(&o.mode, "mode", "sessions", "sessions, hold, proc, time or reap")
	flags.StringVar(&o.addr, "addr", "127.0.0.1:2022", "server `address`")
	flags.StringVar(&o.user, "user", "", "user name")
	flags.StringVar(&o.keyFile, "key", "", "private key `file`; without one the password in $SFTPLOAD_PASSWORD is used")
	flags.StringVar(&o.dir, "dir", ".", "remote `directory` to upload to")
	flags.StringVar(&o.payload, "payload", "", "local `directory`: each of its files is uploaded once")
	flags.IntVar(&o.clients, "clients", 1, "concurrent clients (hold: sessions)")
	flags.IntVar(&o.parallel, "parallel", 8, "hold: how many sessions to open at once")
	flags.BoolVar(&o.postQuantum, "post-quantum", false, "exchange keys by mlkem768x25519-sha256 where the server has it; else by curve25519-sha256 everywhere")
	flags.IntVar(&o.serverPID, "server-pid", 0, "also report CPU and memory of this process and its descendants")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "limit for connecting and for one login")
	flags.DurationVar(&o.settle, "settle", 2*time.Second, "hold: wait before reading the memory")
	if err := flags.Parse(args); err != nil {
		return 2, nil // flag has told
	}
	if o.mode == "reap" {
		return reap(flags.Args())
	}
	o.password = os.Getenv("SFTPLOAD_PASSWORD")
	if err := o.check(); err != nil {
		return 2, err
	}
	res, err := o.measure(flags.Args())
	if err != nil {
		return 1, err
	}
	if err := json.NewEncoder(stdout).Encode(res); err != nil {
		return 1, err
	}
	if res.Errors > 0 {
		return 3, nil
	}
	return 0, nil
}

func (o *options) measure(command []string) (*result, error) {
	switch o.mode {
	case "proc":
		u, err := readTree(o.serverPID)
		return &result{Server: &u}, err
	case "time":
		return timeCommand(command)
	case "hold":
		return runHold(o)
	default:
		return runSessions(o)
	}
}

func (o *options) check() error {
	switch o.mode {
	case "sessions", "hold":
	case "time":
		return nil
	case "proc":
		if o.serverPID == 0 {
			return errors.New("-mode proc needs -server-pid")
		}
		return nil
	default:
		return fmt.Errorf("unknown -mode %q", o.mode)
	}
	if o.user == "" || (o.password == "" && o.keyFile == "") {
		return errors.New("need -user, and -key or $SFTPLOAD_PASSWORD")
	}
	if o.clients < 1 || o.parallel < 1 {
		return errors.New("-clients and -parallel must be at least 1")
	}
	host, _, err := net.SplitHostPort(o.addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is not a loopback address", host)
	}
	return nil
}
