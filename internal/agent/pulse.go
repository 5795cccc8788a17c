package agent

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
)

const (
	beat       = 55 * time.Second     // before a gateway ends a connection that nothing is said on, after a minute: a new one costs more than the heartbeat
	remember   = 30 * 24 * time.Hour  // what was sent within is asked for after a restart of the gateway
	forget     = 180 * 24 * time.Hour // what was sent before leaves the journal; its receipt stays
	checkEvery = 7 * 24 * time.Hour

	forgetEvery = 24 * time.Hour
	parkedFor   = 24 * time.Hour // then what the gateway could not open is sent once more

	metaEpoch = "epoch"      // the gateway's process that was asked about our receipts
	metaCheck = "check"      // the last check of kept files
	metaSince = "check-from" // when the last check began
)

// pulse tells the gateway how this agent is, again and again, and does what the
// answers ask for. What may take long is an errand: the gateway goes on hearing.
func (a *Agent) pulse(ctx context.Context) {
	every := a.Beat
	if every == 0 {
		every = beat
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	tries := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-a.look:
		}
		err := a.beat(ctx)
		a.mapped.unmap() // what it needed of it is of no use for a minute
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			tries = 0
			timer.Reset(every)
		default:
			t := a.client.Explain(err)
			if tries == 0 {
				a.Log.Warn("the gateway is not reached", "code", t.Code, "why", t.Sentence, "cause", err)
			}
			tries++
			timer.Reset(max(t.Wait, min(wire.Backoff(tries), every)))
		}
	}
}

func (a *Agent) beat(ctx context.Context) error {
	p, err := a.Heartbeat(ctx)
	if err != nil {
		return err
	}
	a.hear()
	if !a.queue.Locked(p.Lock) {
		a.queue.Relock()
	}
	if g := a.queue.Gate(); g.Tries > 0 && !g.Stop { // it is heard again
		a.queue.Retry()
	}
	if err := a.known(ctx); err != nil {
		return err
	}
	if now := a.Now(); now.Sub(a.unparked).Abs() >= parkedFor {
		if err := a.journal.Unpark(ctx); err != nil {
			return err
		}
		a.unparked = now
		a.queue.Wake()
	}
	a.waits.Store(p.Outbox > 0)
	select {
	case a.errands <- struct{}{}:
	default:
	}
	if now := a.Now(); now.Sub(a.forgot).Abs() >= forgetEvery {
		if err := a.journal.Forget(ctx, now.Add(-forget)); err != nil {
			return err
		}
		a.forgot = now
	}
	return nil
}

// Heartbeat tells the gateway how this agent is.
func (a *Agent) Heartbeat(ctx context.Context) (*connect.Pulse, error) {
	f, err := a.journal.Figures(ctx)
	if err != nil {
		return nil, err
	}
	h := connect.Heartbeat{
		Program: a.Program, Platform: Platform(), Waiting: int64(f.Waiting), Failed: int64(f.Failed), LastError: f.Code, Clock: a.client.Offset().Milliseconds(),
	}
	if !f.Oldest.IsZero() {
		h.Oldest = new(f.Oldest.UTC())
	}
	if g := a.queue.Gate(); g.Tries > 0 {
		h.LastError = g.Code
	}
	a.mu.Lock()
	for path, f := range a.folders {
		if f.wrong(path, a.Now()) != "" {
			h.Troubled = append(h.Troubled, path)
		}
	}
	a.mu.Unlock()
	slices.Sort(h.Troubled)
	p := new(connect.Pulse)
	return p, a.client.Call(ctx, connect.PathHeartbeat, wire.Say(h), nil, p)
}

// known asks a gateway that was started anew whether it knows what it has given
// receipts for: one that came back from an older backup does not know all. What it
// does not know is sent again if it is still here, and named if not. What the former
// one could not open has another try.
func (a *Agent) known(ctx context.Context) error {
	epoch := a.client.Epoch()
	last, err := a.journal.Meta(ctx, metaEpoch)
	if err != nil || epoch == "" || string(last) == epoch {
		return err
	}
	since := a.Now().Add(-remember)
	if a.enrolment.At.After(since) { // what an earlier agent has sent is not asked of this one
		since = a.enrolment.At
	}
	for behind := int64(0); ; {
		page, err := a.journal.Delivered(ctx, since, behind, connect.MaxNames)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		behind = page[len(page)-1].Seq
		err = a.ask(ctx, page)
		if p := (*connect.Problem)(nil); errors.As(err, &p) && p.Reason() == connect.NotAllowed {
			break // an agent that may not send (any more) has nothing to ask, and others of its work to do
		}
		if err != nil {
			return err
		}
	}
	if err := a.journal.Unpark(ctx); err != nil { // it may have been mended
		return err
	}
	a.queue.Wake()
	return a.journal.SetMeta(ctx, metaEpoch, []byte(epoch))
}

func (a *Agent) ask(ctx context.Context, page []*journal.Delivery) error {
	var q connect.Files
	by := map[uuid.UUID]*journal.Delivery{}
	for _, d := range page {
		q.Files = append(q.Files, d.File)
		by[d.File] = d
	}
	var u connect.Unknown
	if err := a.client.Call(ctx, connect.PathKnown, wire.Say(q), nil, &u); err != nil {
		return err
	}
	for _, file := range u.Unknown {
		d := by[file]
		if d == nil {
			return fault.New(fault.Damaged, "connect: known", "the gateway does not know a file that nobody asked for")
		}
		unmoved := d.State == journal.Received && lies(d, d.Path)
		here := unmoved || lies(d, d.At)
		sentence := "The gateway was restored from a backup that does not hold this file, and its content is not here any more: make the file again."
		if here {
			sentence = "The gateway was restored from a backup that does not hold this file: it is sent again."
		}
		a.Log.Warn("the gateway does not know a file that it has given a receipt for", "file", file, "sent_again", here)
		if err := a.journal.Unknown(ctx, d.Seq, here, unmoved, sentence); err != nil && !fault.Is(err, fault.Invalid) {
			return err
		}
	}
	return nil
}

// lies reports whether the content of a delivery is still where it was put; sending
// it again compares its hash.
func lies(d *journal.Delivery, path string) bool {
	if path == "" {
		path = d.Path
	}
	info, err := os.Lstat(path)
	return err == nil && d.Is(info)
}

func lstat(path string) (fs.FileInfo, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.New(fault.NotFound, "agent: send", "there is no file %s", path)
	case err != nil:
		return nil, fault.New(fault.Denied, "agent: send", "%s cannot be looked at: %v", path, err)
	case !info.Mode().IsRegular():
		return nil, fault.New(fault.Invalid, "agent: send", "%s is no file", path)
	}
	return info, nil
}
