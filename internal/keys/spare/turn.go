package spare

import (
	"sync/atomic"
	"time"
)

// Turns let one act at a time be at the copy, and keep a medium that hangs, as a mount
// whose server is away does, from holding up more than that act.
type Turns struct {
	patience time.Duration
	taken    chan struct{} // has something while somebody has the turn
	hung     atomic.Bool   // who has it has lost the patience of others already
}

// NewTurns returns turns for which nobody waits longer than patience.
func NewTurns(patience time.Duration) *Turns {
	return &Turns{patience: patience, taken: make(chan struct{}, 1)}
}

// A Turn is held by who is at the copy; no other is.
type Turn struct {
	of *Turns // nil: it was given back, or an act sees to it
}

// Take waits for the turn; nil when another act hangs.
func (t *Turns) Take() *Turn {
	select {
	case t.taken <- struct{}{}:
		return &Turn{t}
	default:
	}
	if t.hung.Load() {
		return nil
	}
	patience := time.NewTimer(t.patience)
	defer patience.Stop()
	select {
	case t.taken <- struct{}{}:
		return &Turn{t}
	case <-patience.C:
		return nil
	}
}

// Give ends the turn, unless an act has: to be deferred.
func (t *Turn) Give() {
	if t != nil && t.of != nil {
		<-t.of.taken
		t.of = nil
	}
}

// do runs act, which ends the turn. An act that outlasts everybody's patience goes on
// alone, and ends the turn when its medium answers again: false, and nothing is known
// of its result. Nil does nothing.
func do[T any](turn *Turn, act func() T) (result T, done bool) {
	if turn == nil {
		return result, false
	}
	t := turn.of
	turn.of = nil
	results := make(chan T, 1)
	go func() {
		r := act()
		t.hung.Store(false)
		<-t.taken
		results <- r
	}()
	patience := time.NewTimer(t.patience)
	defer patience.Stop()
	select {
	case result = <-results:
		return result, true
	case <-patience.C:
	}
	t.hung.Store(true)
	select {
	case result = <-results: // at the last moment
		t.hung.Store(false)
		return result, true
	default:
		return result, false
	}
}
