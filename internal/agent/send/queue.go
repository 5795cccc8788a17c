package send

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
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
	Page     int                                  // how many deliveries are asked of the journal at a time
	Ordered  []string                             // folders whose files are sent one by one, oldest first
	Done     func(d *journal.Delivery, here bool) // told when a delivery came to its end; here: something lies at its path
	Rest     func()                               // told once when there has been nothing to do for a while
	Heard    func()                               // told when the gateway has answered about a file

	wake chan struct{}
	news atomic.Bool // there may be more to do than was listed

	listed []*journal.Delivery // what was due, and is not in work yet; of the goroutine of Run
	looked time.Time           // when that was asked for
	next   time.Time           // when more is due then; zero = nothing is
	idle   time.Time           // since when there is nothing to do; zero = there is
	rested bool                // and that was told

	mu     sync.Mutex     // guards what follows
	flying map[int64]bool // deliveries in work
	busy   map[string]load
	gate   Gate
}

// load is how many files of a folder are in work.
type load struct {
	sending int
	all     int // with those that are received, and put away
}

// Gate is what holds up everything.
type Gate struct {
	wire.Trouble
	Tries int
	Since time.Time
	Until time.Time // not before this time; zero = open
	here  bool      // it is about this machine
}

// NewQueue makes a queue.
func NewQueue(s *Sender, parallel int, ordered []string) *Queue {
	return &Queue{
		Sender: s, Parallel: parallel, Ordered: ordered, wake: make(chan struct{}, 1), flying: map[int64]bool{}, busy: map[string]load{},
		Page: 256, Done: func(*journal.Delivery, bool) {}, Rest: func() {}, Heard: func() {},
	}
}

// Wake says that there is something to do.
func (q *Queue) Wake() {
	q.news.Store(true)
	q.poke()
}

// poke says that there is a place for what was listed.
func (q *Queue) poke() {
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

const (
	look    = 30 * time.Second // how often the journal is asked when nothing wakes the queue
	resting = 5 * time.Minute  // and when there has been nothing to do for a while
	relook  = time.Second      // and when what was listed has no place: other folders may have
	calm    = 20 * time.Second // without work, before what work needs is given back
	ending  = 32               // files of a folder that are put away at a time: they share the syncs of the disk
)

// Run sends until ctx ends; what is on its way then is cut, which loses nothing.
func (q *Queue) Run(ctx context.Context) {
	work := make(chan *journal.Delivery)
	var workers, ends sync.WaitGroup
	for range q.Parallel {
		workers.Go(func() {
			for d := range work {
				q.handle(ctx, d, &ends)
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
	ends.Wait()
}

// hand gives what is due to workers, and says when to look again.
func (q *Queue) hand(ctx context.Context, work chan<- *journal.Delivery) time.Duration {
	now := q.Now()
	if gate := q.Gate(); gate.Until.After(now) {
		return min(gate.Until.Sub(now), look)
	}
	if err := q.list(ctx, now); err != nil {
		q.shut(err)
		return time.Second
	}
	waiting := q.listed[:0]
	for i, d := range q.listed {
		if !q.take(d) {
			waiting = append(waiting, d)
			continue
		}
		select {
		case work <- d:
		case <-ctx.Done():
			q.ended(d)
			return 0
		}
		if q.Gate().Until.After(q.Now()) {
			q.listed = append(waiting, q.listed[i+1:]...)
			return 0
		}
	}
	clear(q.listed[len(waiting):])
	if q.listed = waiting; len(waiting) > 0 {
		return relook
	}
	wait := q.rest(ctx, now)
	if q.next.IsZero() {
		return wait
	}
	return min(max(q.next.Sub(now), 10*time.Millisecond), wait)
}

// rest tells once that there has been nothing to do for a while, and says when it will
// be so.
func (q *Queue) rest(ctx context.Context, now time.Time) time.Duration {
	switch {
	case q.idle.IsZero():
		return look
	case q.rested:
		return resting
	case now.Sub(q.idle).Abs() < calm:
		return calm - now.Sub(q.idle).Abs()
	}
	q.rested = true
	q.Rest()
	if err := q.Journal.Tidy(ctx); err != nil {
		q.Log.Debug("the journal is tidied another time", "cause", err)
	}
	return resting
}

// list asks the journal what is due, when that may be more than is known.
func (q *Queue) list(ctx context.Context, now time.Time) (err error) {
	if news := q.news.Swap(false); !news && len(q.listed) > 0 && now.Sub(q.looked).Abs() < relook {
		return nil
	}
	q.looked = now
	due, err := q.due(ctx, now)
	if err != nil {
		return err
	}
	q.listed = q.listed[:0]
	q.mu.Lock()
	idle := len(due) == 0 && len(q.flying) == 0
	for _, d := range due {
		if !q.flying[d.Seq] {
			q.listed = append(q.listed, d)
		}
	}
	q.mu.Unlock()
	switch {
	case !idle:
		q.idle, q.rested = time.Time{}, false
	case q.idle.IsZero():
		q.idle = now
		q.Pool.Drop()
	}
	q.next, err = q.Journal.Next(ctx, now)
	return err
}

func (q *Queue) due(ctx context.Context, now time.Time) ([]*journal.Delivery, error) {
	q.mu.Lock()
	inWork := slices.Collect(maps.Keys(q.flying)) // of a share that hangs they may be many
	q.mu.Unlock()
	due, err := q.Journal.Due(ctx, now, append(q.full(), q.Ordered...), inWork, q.Page)
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
	if q.flying[d.Seq] || q.isFull(d.Folder, q.busy[d.Folder]) {
		return false
	}
	q.flying[d.Seq] = true
	n := q.busy[d.Folder]
	q.busy[d.Folder] = load{n.sending + 1, n.all + 1}
	return true
}

// isFull reports whether a folder of which so many are in work has all that it may have.
func (q *Queue) isFull(folder string, n load) bool {
	if slices.Contains(q.Ordered, folder) {
		return n.all > 0
	}
	return n.sending >= q.most() || n.all >= q.most()+ending
}

// most is how many files of a folder are sent at a time: one place is left for other
// folders, since a share that hangs never gives back who reads from it.
func (q *Queue) most() int { return max(q.Parallel-1, 1) }

// full lists the folders of which no more are taken now.
func (q *Queue) full() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	var all []string
	for folder, n := range q.busy {
		if q.isFull(folder, n) {
			all = append(all, folder)
		}
	}
	return all
}

// sent gives back the place that sending takes.
func (q *Queue) sent(d *journal.Delivery) {
	q.mu.Lock()
	n := q.busy[d.Folder]
	q.busy[d.Folder] = load{n.sending - 1, n.all}
	q.mu.Unlock()
	q.poke()
}

// ended gives back all that a delivery takes.
func (q *Queue) ended(d *journal.Delivery) {
	q.mu.Lock()
	delete(q.flying, d.Seq)
	n := q.busy[d.Folder]
	if n.all--; n.all == 0 {
		delete(q.busy, d.Folder)
	} else {
		q.busy[d.Folder] = n
	}
	q.mu.Unlock()
	if slices.Contains(q.Ordered, d.Folder) {
		q.Wake() // to the next of it
		return
	}
	q.poke()
}

// handle brings one delivery forward. What is left to do once the gateway has it goes
// on beside: it holds up nobody who sends.
func (q *Queue) handle(ctx context.Context, listed *journal.Delivery, ends *sync.WaitGroup) {
	d, p, err := q.forward(ctx, listed)
	q.sent(listed)
	if d == nil {
		q.ended(listed)
		return
	}
	end := func() {
		defer q.ended(listed)
		if err == nil && d.State != journal.Gone {
			err = q.settle(ctx, d, p)
		}
		q.note(ctx, d, err)
	}
	if err != nil {
		end()
		return
	}
	ends.Go(end)
}

// forward brings a delivery to the gateway; nil when there is nothing to do for it now.
func (q *Queue) forward(ctx context.Context, listed *journal.Delivery) (*journal.Delivery, *connect.Progress, error) {
	d, err := q.Journal.Get(ctx, listed.Seq) // as it is now: the list may be a while old
	if err != nil || d.State == journal.Done || d.State == journal.Gone || d.State == journal.Lost {
		return nil, nil, nil
	}
	if q.Gate().Until.After(q.Now()) || !d.Due(q.Now()) {
		return nil, nil, nil
	}
	p, err := q.bring(ctx, d)
	if p != nil && err == nil {
		q.open(false)
		q.Heard()
	}
	return d, p, err
}

// note notes what came of a delivery.
func (q *Queue) note(ctx context.Context, d *journal.Delivery, err error) {
	switch {
	case err == nil:
		q.open(true)
		q.Done(d, isFile(d, d.Path) != none)
	case ctx.Err() != nil: // the agent is stopping
	default:
		q.failed(ctx, d, err)
		q.Wake() // when it is due again has to be known
	}
}

// open ends what holds up everything: an answer of the gateway does that for what it has
// said, or its silence; a file that was put away for what was wrong with this machine.
func (q *Queue) open(here bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.gate.here != here {
		return
	}
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
	q.gate.Trouble, q.gate.here, q.gate.Until = t, isLocal(err) != nil, q.Now().Add(wait)
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
	if f := isLocal(err); f != nil {
		return local(f)
	}
	return s.Client.Explain(err)
}

// isLocal returns what is wrong on this machine; nil when it is something else.
func isLocal(err error) *fault.Error {
	var f *fault.Error
	if !errors.As(err, new(*connect.Problem)) && errors.As(err, &f) && !wire.Unheard(err) {
		return f
	}
	return nil
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
	case "send: late":
		t.Code = wire.CodeTimeout
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
