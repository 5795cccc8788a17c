package send

import (
	"slices"
	"testing"

	"sealgate/internal/agent/journal"
	"sealgate/internal/fault"
)

// A share that hangs keeps who reads from it for ever: it never has them all.
func TestAFolderThatHangsLeavesOneForTheOthers(t *testing.T) {
	q := NewQueue(&Sender{}, 4, []string{"/ordered"})
	of := func(folder string, seq int64) *journal.Delivery {
		return &journal.Delivery{Source: journal.Source{Folder: folder}, Seq: seq}
	}
	for seq := range int64(3) {
		if !q.take(of("/hangs", seq)) {
			t.Fatalf("only %d of one folder were taken", seq)
		}
	}
	if q.take(of("/hangs", 3)) {
		t.Error("one folder has all there are")
	}
	if !q.take(of("/other", 4)) || !q.take(of("/ordered", 5)) || q.take(of("/ordered", 6)) {
		t.Error("the others are not worked on as they should be")
	}
	full := q.full()
	slices.Sort(full)
	if !slices.Equal(full, []string{"/hangs", "/ordered"}) { // so that they are not all that is listed
		t.Errorf("full: %v", full)
	}
	q.release(of("/hangs", 0))
	if !q.take(of("/hangs", 3)) {
		t.Error("a folder stays full")
	}
}

// What fails here is not said to be the gateway's fault.
func TestATroubleOfThisMachineIsSaidToBeHere(t *testing.T) {
	err := fault.Wrap(fault.Internal, "fetch: write", errChanged)
	if got := (&Sender{}).Explain(err).Sentence; got != "Something is wrong on this machine: the file was changed or taken away." {
		t.Errorf("%q", got)
	}
}
