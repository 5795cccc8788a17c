package fault

import (
	"errors"
	"fmt"
	"testing"
)

func TestWrapKeepsTheKindAndSentenceNearestTheCause(t *testing.T) {
	cause := New(Full, "vault: write", "the disk is full")
	err := Wrap(Internal, "intake: commit", fmt.Errorf("slot 3: %w", cause))
	if got := KindOf(err); got != Full {
		t.Errorf("kind %v, want %v", got, Full)
	}
	if got := Message(err); got != "the disk is full" {
		t.Errorf("message %q", got)
	}
}

func TestMessageNeverShowsACause(t *testing.T) {
	err := Wrap(Internal, "catalog: update", errors.New("/var/lib/secret.db: i/o error"))
	if got := Message(err); got != plain[Internal] {
		t.Errorf("message %q shows the cause", got)
	}
	if got := Message(errors.New("raw")); got != plain[Internal] {
		t.Errorf("message %q of a plain error", got)
	}
}

func TestWrapNil(t *testing.T) {
	if err := Wrap(Internal, "op", nil); err != nil {
		t.Fatal(err)
	}
}

func TestEveryKindHasANameAndASentence(t *testing.T) {
	for k := Internal; k <= Damaged; k++ {
		if k.String() == "unknown" || plain[k] == "" {
			t.Errorf("kind %d has no name or no sentence", k)
		}
	}
}
