package why

import (
	"errors"
	"io"
	"os"
	"regexp"
	"testing"

	"sealgate/internal/fault"
)

// Every code of the file has words in both languages, and says and asks something.
func TestEveryCodeHasWordsInBothLanguages(t *testing.T) {
	source, err := os.ReadFile("why.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := regexp.MustCompile(` Code = "(.*?)"`).FindAllSubmatch(source, -1)
	for _, found := range codes {
		if _, known := words[Code(found[1])]; !known {
			t.Errorf("%s has no words", found[1])
		}
	}
	if len(codes) < 30 {
		t.Errorf("only %d codes were found", len(codes))
	}
	for code := range words {
		en, sv := code.Words("en"), code.Words("sv")
		if en.Says == "" || en.Do == "" || sv.Says == "" || sv.Do == "" || en == sv {
			t.Errorf("%q: %q, %q", code, en, sv)
		}
	}
	if Code("new").Words("sv") != Code("").Words("sv") {
		t.Error("a code that is not known has no words")
	}
}

func TestTheCodeOfAnErrorIsTheOutermost(t *testing.T) {
	cut := fault.Wrap(fault.Internal, "visit", Cut.New(fault.TryLater, "read", "it broke"))
	lost := &fault.Error{Kind: fault.TryLater, Op: "sign in", Message: "it hung up", Err: HungUp.By(cut)}
	for want, err := range map[Code]error{
		Cut: cut, HungUp: lost, NoSize: NoSize.By(nil), "damaged": fault.New(fault.Damaged, "x", "y"), "internal": io.EOF,
	} {
		if got := Of(err); got != want {
			t.Errorf("%v: %s", err, got)
		}
	}
	if !errors.Is(lost, Cut) || fault.Message(lost) != "it hung up" {
		t.Error("what is below is lost")
	}
}
