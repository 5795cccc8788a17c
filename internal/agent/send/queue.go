package send

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
)

// Queue sends what the journal holds, some files at a time, for as long as it runs.
//
// What is wrong with one file holds up that file only, and in a folder that keeps an
// order those behind it. What is wrong with the way to the gateway, or with this
// agent's standing there, holds up all: then one attempt after the other is made,
// further and further apart, until one succeeds.
type Queue struct {
	*Sender
	Parallel int
	Ordered  []string                             // folders whose files are sent one by one, oldest first
	Done     func(d *journal.Delivery, here bool) // told when a delivery came to its end; here: something lies at its path

	wake chan struct{}

	mu     sync.Mutex
	flying map[int64]bool // deliveries in work
	busy   map[string]int // how many of a folder are in work
	gate   Gate
}

// Gate is what holds up everything.
type Gate struct {
	wire.Trouble
	Tries int
	Since time.Time
	Until time.Time // not before this time; zero = open
}

// NewQueue makes a queue.
func NewQueue(s *Sender, parallel int, ordered []string) *Queue {
	return &Queue{
		Sender: s, Parallel: parallel, Ordered: ordered, wake: make(chan struct{}, 1), flying: map[int64]bool{}, busy: map[string]int{},
		Done: func(*journal.Delivery, bool) {},
	}
}

// Wake says that there is something to do.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Gate returns what holds up everything now.
func (q *Queue) Gate() Gate {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.gate
}

// Retry forgets how long to wait: somebody has asked, or the gateway was heard.
func (q *Queue) Retry() {
	q.mu.Lock()
	q.gate.Until = time.Time{}
	q.mu.Unlock()
	q.Wake()
}

// look is how often the journal is asked when nothing wakes the queue.
const look = 30 * time.Second

// Run sends until ctx ends; what is on its way then is cut, which loses nothing.
func (q *Queue) Run(ctx context.Context) {
	work := make(chan *journal.Delivery)
	var workers sync.WaitGroup
	for range q.Parallel {
		workers.Go(func() {
			for d := range work {
				q.handle(ctx, d)
				q.release(d)
				q.Wake()
			}
		})
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		next := q.hand(ctx, work)
		timer.Reset(next)
		select {
		case <-ctx.Done():
		case <-q.wake:
		case <-timer.C:
		}
	}
	close(work)
	workers.Wait()
}

// hand gives what is due to workers, and says when to look again.
func (q *Queue) hand(ctx context.Context, work chan<- *journal.Delivery) time.Duration {
	now := q.Now()
	if gate := q.Gate(); gate.Until.After(now) {
		return min(gate.Until.Sub(now), look)
	}
	due, err := q.due(ctx, now)
	if err != nil {
		q.shut(err)
		return time.Second
	}
	for _, d := range due {
		if !q.take(d) {
			continue
		}
		select {
		case work <- d:
		case <-ctx.Done():
			q.release(d)
			return 0
		}
		if q.Gate().Until.After(q.Now()) {
			return 0
		}
	}
	if len(due) == 0 {
		q.Pool.Drop()
	}
	next, err := q.Journal.Next(ctx, now)
	if err != nil || next.IsZero() {
		return look
	}
	return min(max(next.Sub(now), 10*time.Millisecond), look)
}

func (q *Queue) due(ctx context.Context, now time.Time) ([]*journal.Delivery, error) {
	due, err := q.Journal.Due(ctx, now, append(q.full(), q.Ordered...), 256)
	if err != nil {
		return nil, err
	}
	for _, folder := range q.Ordered {
		d, err := q.Journal.Head(ctx, folder)
		if err != nil {
			return nil, err
		}
		if d != nil && d.Due(now) {
			due = append(due, d)
		}
	}
	return due, nil
}

// take marks a delivery as in work; false when it is, or another of its ordered
// folder. A delivery that came to its end since it was listed is told by its step,
// which the journal refuses.
func (q *Queue) take(d *journal.Delivery) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.flying[d.Seq] || q.busy[d.Folder] >= q.most(d.Folder) {
		return false
	}
	q.flying[d.Seq] = true
	q.busy[d.Folder]++
	return true
}

// most is how many files of a folder are in work at a time: one is left for other
// folders, since a share that hangs never gives back who reads from it.
func (q *Queue) most(folder string) int {
	if slices.Contains(q.Ordered, folder) {
		return 1
	}
	return max(q.Parallel-1, 1)
}

// full lists the folders of which no more are taken now.
func (q *Queue) full() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []string
	for folder, n := range q.busy {
		if n >= q.most(folder) {
			all = append(all, folder)
		}
	}
	return all
}

func (q *Queue) release(d *journal.Delivery) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.flying, d.Seq)
	if q.busy[d.Folder]--; q.busy[d.Folder] == 0 {
		delete(q.busy, d.Folder)
	}
}

// handle brings one delivery forward and notes what came of it.
func (q *Queue) handle(ctx context.Context, listed *journal.Delivery) {
	d, err := q.Journal.Get(ctx, listed.Seq) // as it is now: the list may be a while old
	if err != nil || d.State == journal.Done || d.State == journal.Gone || d.State == journal.Lost {
		return
	}
	if q.Gate().Until.After(q.Now()) || !d.Due(q.Now()) {
		return
	}
	err = q.One(ctx, d)
	switch {
	case err == nil:
		q.open()
		q.Done(d, isFile(d, d.Path) != none)
	case ctx.Err() != nil: // the agent is stopping
	default:
		q.failed(ctx, d, err)
	}
}

func (q *Queue) open() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gate.Tries > 0 {
		q.Log.Info("sending goes on")
	}
	q.gate = Gate{}
}

// shut holds up everything.
func (q *Queue) shut(err error) {
	t := q.Explain(err)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gate.Until.After(q.Now()) {
		return // another file was told the same
	}
	wait := t.Wait
	if wait == 0 {
		wait = wire.Backoff(q.gate.Tries)
	}
	if q.gate.Tries == 0 || q.gate.Code != t.Code {
		q.gate.Since = q.Now()
		q.Log.Warn("nothing is sent for now", "code", t.Code, "why", t.Sentence, "cause", err)
	}
	q.gate.Trouble, q.gate.Until = t, q.Now().Add(wait)
	q.gate.Tries++
}

func (q *Queue) failed(ctx context.Context, d *journal.Delivery, err error) {
	t := q.Explain(err)
	if t.Everyone {
		q.shut(err)
		return
	}
	wait := t.Wait
	if wait == 0 {
		wait = wire.Backoff(d.Tries)
	}
	if d.Tries == 0 || d.Code != t.Code {
		q.Log.Warn("a file is not sent", "delivery", d.Seq, "file", d.File, "code", t.Code, "why", t.Sentence)
	}
	if t.Park {
		if err := q.Journal.Park(ctx, d.Seq, t.Code, t.Sentence); err != nil {
			q.shut(err)
		}
		return
	}
	if err := q.Journal.Fail(ctx, d.Seq, t.Code, t.Sentence, q.Now().Add(wait)); err != nil {
		q.shut(err)
	}
}

// Explain says what an error is: of the wire, or of this machine.
func (s *Sender) Explain(err error) wire.Trouble {
	var f *fault.Error
	if !errors.As(err, new(*connect.Problem)) && errors.As(err, &f) && !wire.Unheard(err) {
		return local(f)
	}
	return s.Client.Explain(err)
}

// Codes of what can be wrong on this machine.
const (
	CodeUnreadable = "file-unreadable"
	CodeLocked     = "file-locked"
	CodeAway       = "not-put-away"
	CodeReceipt    = "receipt-invalid"
	CodeDisk       = "disk"
	CodeFolder     = "folder-missing"
	CodeJournal    = "journal"
)

func local(f *fault.Error) wire.Trouble {
	t := wire.Trouble{Sentence: fault.Message(f)}
	if f.Message == "" && (f.Kind == fault.Internal || f.Kind == fault.Full) { // the plain words are about a gateway
		t.Sentence = fmt.Sprintf("Something is wrong on this machine: %v.", innermost(f))
	}
	switch f.Op {
	case "send: open":
		t.Code = CodeFolder
	case "send: read", "sealing: read":
		t.Code = CodeUnreadable
		if f.Kind == fault.TryLater {
			t.Code = CodeLocked
		}
	case "send: sealed":
		t.Code, t.Park = string(connect.Damaged), true
	case "send: put away":
		t.Code = CodeAway
	case "statement: verify", "send: receipt":
		t.Code, t.Wait = CodeReceipt, 0
		if f.Kind == fault.Full || f.Kind == fault.Internal {
			t.Code, t.Everyone = CodeDisk, true
		}
	case "sealing: lock":
		t.Code, t.Everyone = string(connect.AccountClosed), true
	default:
		t.Code = CodeJournal
		t.Everyone = f.Kind == fault.Full || f.Kind == fault.Damaged
	}
	return t
}
