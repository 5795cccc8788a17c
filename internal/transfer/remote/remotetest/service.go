package remotetest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Service is a server as its machine runs it: it can be stopped, and started again at the
// same ports.
type Service struct {
	t     testing.TB
	parts []*part
}

// part is one program of a server.
type part struct {
	args  []string
	ports []uint16
	cmd   *exec.Cmd
	log   strings.Builder
	ended chan struct{}
}

// and starts a program, as a part of the service s or, if that is nil, of a new one.
func (s *Service) and(t testing.TB, ports []uint16, args ...string) *Service {
	t.Helper()
	if s == nil {
		s = &Service{t: t}
		t.Cleanup(s.Stop)
	}
	p := &part{args: args, ports: ports}
	s.parts = append(s.parts, p)
	p.start(t)
	return s
}

// Start starts the server again and waits until it takes connections.
func (s *Service) Start() {
	s.t.Helper()
	for _, p := range s.parts {
		p.start(s.t)
	}
}

// Stop ends the server and all its sessions at once, as when its machine loses power.
func (s *Service) Stop() {
	for _, p := range s.parts {
		if p.cmd == nil {
			continue
		}
		// What it still begins while it is looked for ends with the second look.
		sessions := below(p.cmd.Process.Pid)
		_ = syscall.Kill(p.cmd.Process.Pid, syscall.SIGSTOP)
		sessions = append(sessions, below(p.cmd.Process.Pid)...)
		for _, pid := range sessions {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.cmd = nil
	}
}

func (p *part) start(t testing.TB) {
	t.Helper()
	cmd := exec.Command(p.args[0], p.args[1:]...)
	p.log.Reset()
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	cmd.WaitDelay = 5 * time.Second // a process of a session may still hold them
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.cmd, p.ended = cmd, make(chan struct{})
	ended := p.ended
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for _, port := range p.ports {
		for {
			conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
			if err == nil {
				_ = conn.Close()
				break
			}
			select {
			case <-tick.C:
			case <-ended:
				t.Fatalf("%s ended: %v\n%s", cmd.Path, cmd.ProcessState, p.log.String())
			case <-late:
				t.Fatalf("%s does not answer at port %d", cmd.Path, port)
			}
		}
	}
}

// below are the processes that a process has begun, and those that they have.
func below(parent int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	children := map[int][]int{}
	for _, name := range stats {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // ended meanwhile
		}
		// PID (NAME) STATE PARENT; a name may hold anything.
		_, rest, _ := strings.Cut(string(text[strings.LastIndex(string(text), ")")+1:]), " ")
		fields := strings.Fields(rest)
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil || len(fields) < 2 {
			continue
		}
		if of, err := strconv.Atoi(fields[1]); err == nil {
			children[of] = append(children[of], pid)
		}
	}
	for next := children[parent]; len(next) > 0; {
		pid := next[0]
		next = append(next[1:], children[pid]...)
		pids = append(pids, pid)
	}
	return pids
}
