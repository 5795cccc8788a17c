package poll_test

import (
	"path"
	"testing"
	"time"

	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/visittest"
)

// While a small file is put on record the next one is fetched; nothing becomes of it there
// before it is on record.
func aSmallFileIsRecordedBesideTheNext(t *testing.T, at visittest.Server) {
	w := newWorld(t, at)
	w.job.After = poll.After{Delete: true}
	w.Put("a.xml", []byte("a"))
	w.Put("b.xml", []byte("b"))
	w.Dated("b.xml", 1)
	w.visits(0)

	fetched, let := make(chan struct{}), make(chan struct{})
	var steps []string
	w.Wrap = func(s remote.Session) remote.Session {
		return visittest.Somewhere{Session: s, Before: func(step, name string) error {
			steps = append(steps, step+" "+path.Base(name))
			switch at := steps[len(steps)-1]; {
			case at == "open a.xml": // from now on nothing is put on record
				begun := make(chan struct{})
				go func() {
					defer close(let)
					_ = w.Catalog.Update(t.Context(), func(*catalog.Tx) error {
						close(begun)
						select {
						case <-fetched:
						case <-time.After(time.Minute):
							t.Error("the second file waits for the first to be on record")
						}
						return nil
					})
				}()
				<-begun
			case at == "open b.xml":
				close(fetched)
			case at == "remove a.xml" && len(w.here()) != 1:
				t.Errorf("removed, and here are %q", w.here())
			}
			return nil
		}}
	}
	if r := w.visits(time.Hour); r.Files != 2 || r.Bytes != 2 {
		t.Errorf("%+v", r)
	}
	<-let
	w.expect("both", "a.xml=a", "b.xml=b")
	w.expectThere("both")
}
