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
	q.sent(of("/hangs", 0)) // received: it is put away beside
	if !q.take(of("/hangs", 3)) {
		t.Error("a folder stays full")
	}
	for seq := int64(10); q.take(of("/other", seq)); seq++ { // a share that hangs while files are put away holds so many
		if q.sent(of("/other", seq)); seq > 100 {
			t.Fatal("no end of files of one folder is in work")
		}
	}
	if q.ended(of("/other", 10)); !q.take(of("/other", 500)) {
		t.Error("a folder stays full of files that were put away")
	}
	if q.sent(of("/ordered", 5)); q.take(of("/ordered", 6)) {
		t.Error("the next of an ordered folder goes before the one before it has its end")
	}
	if q.ended(of("/ordered", 5)); !q.take(of("/ordered", 6)) {
		t.Error("an ordered folder stays held up")
	}
}

// What fails here is not said to be the gateway's fault.
func TestATroubleOfThisMachineIsSaidToBeHere(t *testing.T) {
	err := fault.Wrap(fault.Internal, "fetch: write", errChanged)
	if got := (&Sender{}).Explain(err).Sentence; got != "Something is wrong on this machine: the file was changed or taken away." {
		t.Errorf("%q", got)
	}
}
