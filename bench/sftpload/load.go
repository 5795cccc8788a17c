//go:build linux

package main

import (
	"errors"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// result is the line of JSON.
type result struct {
	Seconds    float64 `json:"seconds,omitempty"`
	Sessions   int     `json:"sessions,omitempty"`
	PerSecond  float64 `json:"per_s,omitempty"`
	P50        float64 `json:"p50_ms,omitempty"`
	P99        float64 `json:"p99_ms,omitempty"`
	Errors     int     `json:"errors"`
	FirstError string  `json:"first_error,omitempty"`

	CPU     float64 `json:"cpu_s,omitempty"`        // time: of the command
	PeakRSS int64   `json:"peak_rss_kib,omitempty"` // time: of the command
	PerCPU  float64 `json:"cpu_ms_each,omitempty"`  // sessions: of the server
	PSSEach float64 `json:"pss_kib_each,omitempty"` // hold: what the sessions added
	Server  *usage  `json:"server,omitempty"`       // after the load
	Negot   string  `json:"algorithms,omitempty"`   // of one session
}

// tally collects what the clients met.
type tally struct {
	mu    sync.Mutex
	took  []float64 // milliseconds of each session
	errs  int
	first error
	algos string
}

func (t *tally) add(start time.Time, s *session, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.errs++
		if t.first == nil {
			t.first = err
		}
		return
	}
	t.took = append(t.took, float64(time.Since(start))/1e6)
	if t.algos == "" {
		t.algos = s.algorithms()
	}
}

func (t *tally) result(seconds float64) *result {
	slices.Sort(t.took)
	r := &result{
		Seconds: round(seconds), Sessions: len(t.took), PerSecond: round(float64(len(t.took)) / seconds),
		P50: quantile(t.took, .50), P99: quantile(t.took, .99), Errors: t.errs, Negot: t.algos,
	}
	if t.first != nil {
		r.FirstError = t.first.Error()
	}
	return r
}

// runSessions uploads every file of the payload, each over a session of its own.
func runSessions(o *options) (*result, error) {
	d, err := newDialer(o)
	if err != nil {
		return nil, err
	}
	files, err := readPayload(o.payload)
	if err != nil {
		return nil, err
	}
	before, err := o.server()
	if err != nil {
		return nil, err
	}
	t := &tally{}
	start := time.Now()
	inParallel(o.clients, len(files), func(i int) {
		began := time.Now()
		s, err := d.open()
		if err == nil {
			err = s.put(path.Join(o.dir, files[i].name), files[i].body)
			s.close()
		}
		t.add(began, s, err)
	})
	r := t.result(time.Since(start).Seconds())
	if o.serverPID == 0 {
		return r, nil
	}
	time.Sleep(300 * time.Millisecond) // sessions that have just ended are being reaped
	after, err := o.server()
	r.Server, r.PerCPU = &after, round((after.CPU-before.CPU)*1e3/float64(len(files)))
	return r, err
}

// runHold opens sessions and reads what they cost the server in memory.
func runHold(o *options) (*result, error) {
	d, err := newDialer(o)
	if err != nil {
		return nil, err
	}
	before, err := o.server()
	if err != nil {
		return nil, err
	}
	t := &tally{}
	held := make([]*session, o.clients)
	start := time.Now()
	inParallel(o.parallel, o.clients, func(i int) {
		began := time.Now()
		s, err := d.open()
		if err == nil {
			// One request, so that the subsystem has really started.
			_, err = s.sftp.RealPath(".")
		}
		t.add(began, s, err)
		held[i] = s
	})
	r := t.result(time.Since(start).Seconds())
	defer func() {
		for _, s := range held {
			if s != nil {
				s.close()
			}
		}
	}()
	if o.serverPID == 0 || len(t.took) == 0 {
		return r, nil
	}
	time.Sleep(o.settle)
	after, err := o.server()
	r.Server, r.PSSEach = &after, round(float64(after.PSS-before.PSS)/float64(len(t.took)))
	return r, err
}

// server is what the server has used, nothing when its process is not known.
func (o *options) server() (usage, error) {
	if o.serverPID == 0 {
		return usage{}, nil
	}
	return readTree(o.serverPID)
}

// inParallel does f(0) to f(n-1) with so many workers.
func inParallel(workers, n int, f func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
}

// payload is one file to upload, read ahead so that the load reads no disk.
type payload struct {
	name string
	body []byte
}

func readPayload(dir string) ([]payload, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []payload
	for _, e := range entries {
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		files = append(files, payload{e.Name(), body})
	}
	if len(files) == 0 {
		return nil, errors.New("-payload: nothing in " + dir)
	}
	return files, nil
}

// quantile is the nearest-rank quantile of sorted values.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return round(sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)])
}

func round(v float64) float64 { return math.Round(v*1000) / 1000 }
