//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// usage is what a process and all its descendants use. CPU includes the
// descendants that have ended and been waited for.
type usage struct {
	Procs int     `json:"procs"`
	CPU   float64 `json:"cpu_s"`
	RSS   int64   `json:"rss_kib"` // counts a shared page once per process
	PSS   int64   `json:"pss_kib"` // shares a shared page out
}

// ticksPerSecond is Linux's USER_HZ, 100 on every architecture Go runs on.
const ticksPerSecond = 100

type stat struct {
	ppid int
	cpu  float64
}

func readTree(root int) (usage, error) {
	all := map[int]stat{}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return usage{}, err
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, ok := readStat(pid); ok {
			all[pid] = s
		}
	}
	if _, ok := all[root]; !ok {
		return usage{}, fmt.Errorf("no process %d", root)
	}
	var u usage
	for pid, s := range all {
		if !descends(all, pid, root) {
			continue
		}
		u.Procs++
		u.CPU += s.cpu
		rss, pss := readMemory(pid)
		u.RSS += rss
		u.PSS += pss
	}
	u.CPU = round(u.CPU)
	return u, nil
}

func descends(all map[int]stat, pid, root int) bool {
	for range 64 { // a bound, should the table have changed under us
		if pid == root {
			return true
		}
		s, ok := all[pid]
		if !ok || s.ppid == 0 {
			return false
		}
		pid = s.ppid
	}
	return false
}

func readStat(pid int) (stat, bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, false
	}
	i := bytes.LastIndexByte(b, ')') // the command name may hold anything
	if i < 0 {
		return stat{}, false
	}
	f := strings.Fields(string(b[i+1:]))
	if len(f) < 15 {
		return stat{}, false
	}
	s := stat{}
	s.ppid, _ = strconv.Atoi(f[1])
	for _, v := range f[11:15] { // utime, stime, cutime, cstime
		n, _ := strconv.ParseFloat(v, 64)
		s.cpu += n / ticksPerSecond
	}
	return s, true
}

func readMemory(pid int) (rss, pss int64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		n, _ := strconv.ParseInt(f[1], 10, 64)
		switch f[0] {
		case "Rss:":
			rss = n
		case "Pss:":
			pss = n
		}
	}
	return rss, pss
}
