package watch

import (
	"context"
	"time"

	"github.com/fsnotify/fsnotify"

	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
)

// Watcher looks into one folder until it is told to end.
type Watcher struct {
	Folder  home.Folder
	Now     func() time.Time
	Found   func(context.Context, []journal.Source) error // takes files that are ready; an error = told again later
	Begins  func()                                        // told before each scan
	Scanned func(error)                                   // told after each scan how it went
	Every   time.Duration                                 // zero = 15 s
	Wake    <-chan struct{}                               // looks at once; may be nil
}

// Run looks until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	every := w.Every
	if every == 0 {
		every = Every
	}
	told := newNotifier()
	defer told.close()
	s := New(w.Folder)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.Wake:
			s.Again() // what came to its end may lie there as another file of the same size and time
		case <-told.events():
			told.drain()
		case <-timer.C:
		}
		now := w.Now()
		w.Begins()
		found, err := s.Scan(now)
		told.watch(found.Folders)
		if err == nil && len(found.Ready) > 0 {
			if err = w.Found(ctx, found.Ready); err != nil {
				s.Again()
			}
		}
		if ctx.Err() != nil {
			return
		}
		w.Scanned(err)
		next := every
		if !found.Next.IsZero() {
			next = min(next, max(found.Next.Sub(now), 10*time.Millisecond))
		}
		timer.Reset(next)
	}
}

// notifier tells of changes where the platform does; it never fails, it only tells
// nothing.
type notifier struct {
	w       *fsnotify.Watcher
	watched map[string]bool
	wake    chan struct{}
	done    chan struct{}
}

func newNotifier() *notifier {
	n := &notifier{watched: map[string]bool{}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	w, err := fsnotify.NewWatcher()
	if err != nil {
		close(n.done)
		return n
	}
	n.w = w
	go n.run()
	return n
}

// run turns any number of events into one wish to look: an ERP that writes a large
// file makes thousands.
func (n *notifier) run() {
	defer close(n.done)
	for {
		select {
		case e, ok := <-n.w.Events:
			if !ok {
				return
			}
			if e.Has(fsnotify.Create) || e.Has(fsnotify.Rename) || e.Has(fsnotify.Write) {
				select {
				case n.wake <- struct{}{}:
				default:
				}
			}
		case _, ok := <-n.w.Errors:
			if !ok {
				return
			}
		}
	}
}

func (n *notifier) events() <-chan struct{} { return n.wake }

// drain lets what an ERP does in one breath be one look.
func (n *notifier) drain() {
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	<-t.C
	select {
	case <-n.wake:
	default:
	}
}

// watch has these folders watched, and no others.
func (n *notifier) watch(folders []string) {
	if n.w == nil {
		return
	}
	want := map[string]bool{}
	for _, f := range folders {
		want[f] = true
		if !n.watched[f] && n.w.Add(f) == nil {
			n.watched[f] = true
		}
	}
	for f := range n.watched {
		if !want[f] {
			_ = n.w.Remove(f)
			delete(n.watched, f)
		}
	}
}

func (n *notifier) close() {
	if n.w != nil {
		_ = n.w.Close()
	}
	<-n.done
}
