// Package metrics counts what the gateway does, for Prometheus, and serves the
// counts and the profiles of the running program.
//
// Labels come from closed lists (a door, an outcome, a format); never from a
// customer: no account, no login, no file name. So the number of series is
// bounded, and who may read metrics learns no names.
package metrics

import (
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Set is the metrics of one gateway. Its methods are safe for concurrent use, and
// on a nil Set they do nothing.
type Set struct {
	registry *prometheus.Registry

	arrivals  *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	indexed   *prometheus.CounterVec
	indexTime *prometheus.HistogramVec
	sessions  *prometheus.GaugeVec
	opened    *prometheus.CounterVec
	signIns   *prometheus.CounterVec
	webhooks  *prometheus.CounterVec
	visits    *prometheus.CounterVec
	visitTime *prometheus.HistogramVec
	far       *prometheus.CounterVec
	connects  *prometheus.CounterVec
	carried   *prometheus.CounterVec
	requests  *prometheus.CounterVec
	answers   *prometheus.HistogramVec
}

// New returns a set with nothing counted.
func New() *Set {
	s := &Set{
		registry: prometheus.NewRegistry(),
		arrivals: counter("arrivals_total", "Arrivals that ended, by source and outcome.", "source", "outcome"),
		bytes:    counter("received_bytes_total", "Bytes of files that were acknowledged, by source.", "source"),
		indexed:  counter("indexed_total", "Files read by the indexer, by format and outcome.", "format", "outcome"),
		indexTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "sealgate", Name: "index_seconds", Help: "Time from taking a file up to its rest, by format.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 9),
		}, []string{"format"}),
		sessions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "sealgate", Name: "sessions", Help: "Sessions open now, by door.",
		}, []string{"door"}),
		opened:   counter("sessions_total", "Sessions that were opened, by door.", "door"),
		requests: counter("api_requests_total", "Requests to the API, by operation and status.", "operation", "status"),
		answers: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "sealgate", Name: "api_request_seconds", Help: "Time from a request to the end of its answer, by operation.",
			Buckets: []float64{0.002, 0.01, 0.05, 0.2, 1, 5, 30},
		}, []string{"operation"}),
		connects: counter("connect_requests_total", "Requests of agents (Connect), by operation and result: ok, or why they were refused.", "operation", "result"),
		carried:  counter("connect_bytes_total", "Bytes of agents' requests and of the answers to them, by direction.", "direction"),
		webhooks: counter("webhook_attempts_total", "Attempts to deliver to a webhook, by outcome.", "outcome"),
		visits:   counter("remote_visits_total", "Visits to customers' servers, by direction and outcome.", "direction", "outcome"),
		visitTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "sealgate", Name: "remote_visit_seconds", Help: "Time that a visit took, by direction.",
			Buckets: []float64{0.1, 0.5, 2, 10, 60, 300, 1800},
		}, []string{"direction"}),
		far:     counter("remote_files_total", "Files fetched from customers' servers or left there, by direction.", "direction"),
		signIns: counter("sign_ins_total", "Attempts to sign in, by door, method and outcome.", "door", "method", "outcome"),
	}
	s.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		s.arrivals, s.bytes, s.indexed, s.indexTime, s.sessions, s.opened, s.signIns, s.webhooks, s.visits, s.visitTime, s.far, s.connects, s.carried, s.requests, s.answers,
	)
	return s
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "sealgate", Name: name, Help: help}, labels)
}

// Arrival counts an arrival that ended: received, cut or refused. Bytes count
// only when it was received. Of "remote:NAME" the name is left out: a customer chose it.
func (s *Set) Arrival(source, outcome string, size int64) {
	if s == nil {
		return
	}
	source, _, _ = strings.Cut(source, ":")
	s.arrivals.WithLabelValues(source, outcome).Inc()
	if outcome == "received" {
		s.bytes.WithLabelValues(source).Add(float64(size))
	}
}

// Indexed counts a file that the indexer took to its rest.
func (s *Set) Indexed(format, outcome string, took time.Duration) {
	if s == nil {
		return
	}
	if format == "" {
		format = "unknown"
	}
	s.indexed.WithLabelValues(format, outcome).Inc()
	s.indexTime.WithLabelValues(format).Observe(took.Seconds())
}

// Request counts a request to the API. The operation is one of the API's, "none" for
// what there is not.
func (s *Set) Request(operation string, status int, took time.Duration) {
	if s == nil {
		return
	}
	s.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	s.answers.WithLabelValues(operation).Observe(took.Seconds())
}

// Session counts a session that opened; the caller calls the result when it ends.
func (s *Set) Session(door string) (ended func()) {
	if s == nil {
		return func() {}
	}
	s.opened.WithLabelValues(door).Inc()
	open := s.sessions.WithLabelValues(door)
	open.Inc()
	return open.Dec
}

// SignIn counts an attempt to sign in.
func (s *Set) SignIn(door, method, outcome string) {
	if s == nil {
		return
	}
	s.signIns.WithLabelValues(door, method, outcome).Inc()
}

// Connect counts a request of an agent, or of somebody who would be one.
func (s *Set) Connect(operation, result string, in, out int64) {
	if s == nil {
		return
	}
	s.connects.WithLabelValues(operation, result).Inc()
	s.carried.WithLabelValues("in").Add(float64(in))
	s.carried.WithLabelValues("out").Add(float64(out))
}

// Webhook counts an attempt to deliver an event.
func (s *Set) Webhook(outcome string) {
	if s != nil {
		s.webhooks.WithLabelValues(outcome).Inc()
	}
}

// Visit counts a visit to a customer's server.
func (s *Set) Visit(direction, outcome string, files int, took time.Duration) {
	if s == nil {
		return
	}
	s.visits.WithLabelValues(direction, outcome).Inc()
	s.visitTime.WithLabelValues(direction).Observe(took.Seconds())
	s.far.WithLabelValues(direction).Add(float64(files))
}

// Level shows a number that is asked for at each scrape: a queue's depth, free
// bytes. It is for the wiring, before Serve.
func (s *Set) Level(name, help string, value func() float64) {
	s.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "sealgate", Name: name, Help: help}, value))
}
