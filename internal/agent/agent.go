// Package agent is Connect: the program that seals files where they are made, brings
// them to the gateway exactly once, and brings answers home.
//
//	watch ──> journal ──> send ──> gateway        folders, SQLite, sealing, the protocol
//	                       |
//	                 receipts/, sent/
//	gateway ──> fetch ──> the folder of fetched files
//
// The rooms below say each what they promise; this package joins them. Everything
// that goes wrong is a sentence in status, and in the log once; nothing that goes
// wrong ends the program, since it runs where nobody looks.
package agent

import (
	"context"
	"crypto/hpke"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"sealgate/internal/agent/control"
	"sealgate/internal/agent/fetch"
	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/sealing"
	"sealgate/internal/agent/send"
	"sealgate/internal/agent/together"
	"sealgate/internal/agent/watch"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/statement"
)

// Options are what an agent is made of.
type Options struct {
	Home     home.Home
	Settings *home.Settings
	CA       []byte          // PEM of an authority besides the system's
	Access   hpke.PrivateKey // a customer-held access key, or nil
	Program  string          // as "connect 1.2.0"
	Disk     durable.FS
	Now      func() time.Time
	Log      *slog.Logger

	Look time.Duration           // how often folders are looked into; zero = 15 s
	Beat time.Duration           // how often the gateway is told how this agent is; zero = about a minute
	Cut  func(step string) error // see send.Sender
}

// Agent is one Connect at work.
type Agent struct {
	Options
	enrolment home.Enrolment
	lock      *durable.Lock
	journal   *journal.Journal
	client    *wire.Client
	queue     *send.Queue
	fetcher   *fetch.Fetcher // nil = nothing is fetched
	wakes     map[string]chan struct{}
	started   time.Time
	look      chan struct{} // asks the pulse to come now
	errands   chan struct{} // asks for what takes longer than a pulse
	waits     atomic.Bool   // something does for this account
	unparked  time.Time     // when what was parked had its last try; of the pulse
	forgot    time.Time     // when what is old left the journal; of the pulse

	mapped program

	fetches sync.Mutex // held while files are fetched

	mu       sync.Mutex
	folders  map[string]folder
	heard    time.Time
	fetching wire.Trouble
}

// folder is how the last look into one went.
type folder struct {
	looked  time.Time
	began   time.Time // when the look began that is under way; zero = none is
	trouble string
}

// hangs is how long a look into a folder may take before that is said.
const hangs = time.Minute

// wrong is what is wrong with the folder now.
func (f folder) wrong(path string, now time.Time) string {
	if f.trouble == "" && !f.began.IsZero() && now.Sub(f.began) > hangs {
		return "the folder " + path + " does not answer; if it is a share, see whether it is connected"
	}
	return f.trouble
}

// partsInMemory is how many parts of large files there are at a time: 24 MiB.
const partsInMemory = 6

// Open makes an agent of what lies in its home. TryLater: another process works there.
func Open(ctx context.Context, o Options) (_ *Agent, err error) {
	a := &Agent{Options: o, folders: map[string]folder{}, wakes: map[string]chan struct{}{}, started: o.Now(), unparked: o.Now(), look: make(chan struct{}, 1), errands: make(chan struct{}, 1)}
	if a.enrolment, a.client, err = Dial(o); err != nil {
		return nil, err
	}
	if a.lock, err = durable.LockDir(string(o.Home)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	lost := journalLost(o.Home)
	if a.journal, err = journal.Open(ctx, o.Home.Journal()); err != nil {
		return nil, err
	}
	if lost {
		if err = a.noteLost(ctx); err != nil {
			return nil, err
		}
	}
	var ordered []string
	for _, f := range o.Settings.Folders {
		a.wakes[f.Path] = make(chan struct{}, 1)
		if f.Ordered {
			ordered = append(ordered, f.Path)
		}
	}
	a.queue = send.NewQueue(&send.Sender{
		Journal: a.journal, Client: a.client, Disk: together.Disk(o.Disk), Receipts: o.Home.Receipts(), Identity: statement.Fingerprint(a.enrolment.Identity),
		Pool: sealing.NewPool(partsInMemory), Now: o.Now, Log: o.Log, Cut: o.Cut,
	}, o.Settings.Parallel, ordered)
	a.queue.Done, a.queue.Rest, a.queue.Heard = a.sent, a.rest, a.hear
	if o.Settings.Outbox != "" {
		a.fetcher = &fetch.Fetcher{
			Journal: a.journal, Client: a.client, Disk: o.Disk, Folder: o.Settings.Outbox, As: o.Settings.As, Access: o.Access, Now: o.Now, Log: o.Log,
		}
	}
	return a, nil
}

// Dial makes the client of an agent that may be running elsewhere; it says nothing yet.
func Dial(o Options) (e home.Enrolment, c *wire.Client, err error) {
	if e, err = o.Home.Enrolled(); err != nil {
		return e, nil, err
	}
	keys, err := o.Home.Keys(e)
	if err != nil {
		return e, nil, err
	}
	gateway := e.Gateway
	if o.Settings.Gateway != "" {
		gateway = o.Settings.Gateway
	}
	ca := append(append([]byte(nil), e.CA...), o.CA...)
	c, err = wire.New(wire.Options{
		Gateway: gateway, Pinned: connect.IdentityOf(e.Identity), Proxy: o.Settings.Proxy, CA: ca, Bandwidth: int64(o.Settings.Bandwidth), Now: o.Now,
		Peer: &connect.Peer{Agent: e.Agent, Keys: keys, Gateway: e.Identity},
	})
	return e, c, err
}

// Close lets go of everything.
func (a *Agent) Close() {
	if a.client != nil {
		a.client.Close()
	}
	if a.journal != nil {
		_ = a.journal.Close()
	}
	if a.lock != nil {
		_ = a.lock.Unlock()
	}
}

// Run works until ctx ends.
func (a *Agent) Run(ctx context.Context) error {
	socket, err := control.Listen(a.Home.Socket())
	if err != nil {
		return err
	}
	var page net.Listener
	if a.Settings.Status != "" {
		if page, err = net.Listen("tcp", a.Settings.Status); err != nil {
			_ = socket.Close()
			return fault.New(fault.Invalid, "agent: run", "the status page cannot be shown at %s: %v", a.Settings.Status, err)
		}
	}
	if err := a.journal.Hurry(ctx); err != nil { // whatever it was that failed, a start may have mended it
		a.Log.Warn("what waits is not tried at once", "cause", err)
	}
	a.Log.Info("connect runs", "agent", a.enrolment.Agent, "gateway", a.enrolment.Gateway, "folders", len(a.Settings.Folders))
	var parts sync.WaitGroup
	parts.Go(func() { control.Serve(ctx, socket, a) })
	if page != nil {
		parts.Go(func() { control.Page(ctx, page, a) })
	}
	for _, f := range a.Settings.Folders {
		parts.Go(func() { a.watch(ctx, f) })
	}
	parts.Go(func() { a.queue.Run(ctx) })
	parts.Go(func() { a.pulse(ctx) })
	parts.Go(func() { a.runErrands(ctx) })
	ended := make(chan struct{})
	go func() { parts.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-afterEnd(ctx):
		a.Log.Warn("a folder does not answer: connect stops without it")
	}
	a.Log.Info("connect stops")
	return nil
}

// afterEnd fires a while after ctx has ended: nothing is waited for longer then, since
// who reads from a share that hangs cannot be called back, and a crash loses nothing.
func afterEnd(ctx context.Context) <-chan struct{} {
	const patience = 20 * time.Second
	c := make(chan struct{})
	context.AfterFunc(ctx, func() { time.AfterFunc(patience, func() { close(c) }) })
	return c
}

// watch looks into one folder.
func (a *Agent) watch(ctx context.Context, f home.Folder) {
	w := &watch.Watcher{
		Folder: f, Now: a.Now, Every: a.Look, Wake: a.wakes[f.Path],
		Found: func(ctx context.Context, files []journal.Source) error {
			_, err := a.journal.Add(ctx, a.Now(), files)
			if err == nil {
				a.queue.Wake()
			}
			return err
		},
		Begins:  func() { a.scanning(f.Path) },
		Scanned: func(err error) { a.scanned(f.Path, err) },
	}
	w.Run(ctx)
}

// scanning notes that a look begins: one at a share that hangs never ends.
func (a *Agent) scanning(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.folders[path]
	f.began = a.Now()
	a.folders[path] = f
}

// scanned notes how a look went, and tells the log of a change.
func (a *Agent) scanned(path string, err error) {
	now := folder{looked: a.Now()}
	if err != nil {
		now.trouble = sentence(err)
	}
	a.mu.Lock()
	before := a.folders[path]
	if err != nil && !before.looked.IsZero() {
		now.looked = before.looked // when it could be looked into last
	}
	a.folders[path] = now
	a.mu.Unlock()
	switch {
	case now.trouble == before.trouble:
	case now.trouble == "":
		a.Log.Info("a folder can be looked into again", "trouble", before.trouble)
	default:
		a.Log.Warn("a folder cannot be looked into", "trouble", now.trouble, "cause", err)
	}
}

// sent hears that a delivery came to its end. Something that lies where it was is
// another file: it is looked at now.
func (a *Agent) sent(d *journal.Delivery, here bool) {
	if wake := a.wakes[d.Folder]; here && wake != nil {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

func (a *Agent) hear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.heard = a.Now()
}

// sentence is what people are told of an error.
func sentence(err error) string {
	var p *connect.Problem
	if errors.As(err, &p) {
		return p.Detail
	}
	return fault.Message(err)
}

// Platform is what an agent calls its machine.
func Platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// Sources are files that a person named, as deliveries that leave them where they are.
func Sources(paths []string) ([]journal.Source, error) {
	var all []journal.Source
	for _, p := range paths {
		s, err := source(p)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func source(path string) (journal.Source, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return journal.Source{}, fault.Wrap(fault.Internal, "agent: send", err)
	}
	info, err := lstat(abs)
	if err != nil {
		return journal.Source{}, err
	}
	return journal.Source{Path: abs, Name: watch.Name(abs), Size: info.Size(), Modified: info.ModTime(), After: string(home.Leave)}, nil
}
