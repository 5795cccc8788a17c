package remotes_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote/why"
	"sealgate/internal/transfer/remotes"
)

// When single files fail, the run says so by a word, and why the first of them did by
// another; its sentence names the file.
func TestARunSaysByAWordWhyAFileFailed(t *testing.T) {
	d := open(t)
	d.add(pull("bank", "h1"))
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		denied := &fault.Error{Kind: fault.Denied, Op: "test", Message: "out/x.xml: the server does not allow this", Err: why.NoRight.By(io.EOF)}
		return remotes.Result{Seen: 2, Files: 1, Failed: 1, Problem: denied}, nil
	})
	d.round()
	runs, err := d.Runs(t.Context(), "acme", "bank", 10)
	if err != nil || len(runs) != 1 || runs[0].Error != "some-files" || runs[0].FileError != "no-right" || !strings.HasPrefix(runs[0].Message, "out/x.xml: ") {
		t.Errorf("%+v, %v", runs, err)
	}
}
