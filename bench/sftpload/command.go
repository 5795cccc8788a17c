//go:build linux

package main

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"
)

// prSetChildSubreaper makes orphaned descendants children of this process.
const prSetChildSubreaper = 36

func adoptOrphans() error {
	if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); e != 0 {
		return e
	}
	return nil
}

// reap runs a server so that readTree on this process sees all of its CPU: a
// server that forks may leave children behind, and what those used would
// otherwise be charged to init. A SIGTERM or SIGINT is passed on. It returns
// the server's exit status.
func reap(args []string) (int, error) {
	if len(args) == 0 {
		return 2, errors.New("-mode reap needs a command")
	}
	if err := adoptOrphans(); err != nil {
		return 1, err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	sig := make(chan os.Signal, 1)
	signal.Notify(sig, syscall.SIGTERM, syscall.SIGINT)
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	go func() {
		for s := range sig {
			_ = cmd.Process.Signal(s) // it may have ended
		}
	}()
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 1, err
		case pid == cmd.Process.Pid && ws.Signaled():
			return 128 + int(ws.Signal()), nil
		case pid == cmd.Process.Pid:
			return ws.ExitStatus(), nil
		}
	}
}

// timeCommand runs a program to its end. What it prints is thrown away. The CPU of
// programs that it starts and does not wait for is counted, too, so they are waited
// for here.
func timeCommand(args []string) (*result, error) {
	if len(args) == 0 {
		return nil, errors.New("-mode time needs a command")
	}
	if err := adoptOrphans(); err != nil {
		return nil, err
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	r := &result{Seconds: round(time.Since(start).Seconds())}
	for {
		if _, err := syscall.Wait4(-1, nil, 0, nil); err != nil && err != syscall.EINTR {
			break
		}
	}
	var all syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &all); err != nil {
		return nil, err
	}
	r.CPU = round(time.Duration(all.Utime.Nano() + all.Stime.Nano()).Seconds())
	if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.PeakRSS = u.Maxrss
	}
	return r, nil
}
