package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/vpath"
)

// AnswerSource is the source of files that the gateway itself writes.
const AnswerSource = "gateway"

// Answer is the work.Handler of answer jobs: a held or refused file is
// answered by a file NAME.ID.answer.json in the account's outbox, which holds
// its file object.
func (o *Outbox) Answer(ctx context.Context, job *catalog.Job) error {
	return o.About(ctx, job, "answer", func(_ *custody.Records, _ *catalog.File, object fileobject.Object) ([]byte, error) {
		text, err := json.MarshalIndent(object, "", "  ")
		return append(text, '\n'), fault.Wrap(fault.Internal, "outbox: answer", err)
	})
}

// About does a job that puts a file NAME.ID.KIND.json about another one into the
// account's outbox: once for each time that one was indexed, whatever crashes in
// between.
func (o *Outbox) About(
	ctx context.Context, job *catalog.Job, kind string,
	text func(*custody.Records, *catalog.File, fileobject.Object) ([]byte, error),
) error {
	var f *catalog.File
	var account *catalog.Account
	err := o.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if f, err = tx.File(job.File); err == nil {
			account, err = tx.Account(f.Account)
		}
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return o.finish(ctx, job) // the account was removed: nobody fetches it
	}
	if err != nil {
		return err
	}
	rec, err := o.keys.Records(ctx, f.Account)
	if fault.Is(err, fault.Locked) && account.State == catalog.AccountClosed {
		return o.finish(ctx, job)
	}
	if err != nil {
		return err
	}
	object := fileobject.Of(rec, account.Name, f)
	name := nameAbout(object, kind)
	if sent, err := o.wasAnswered(ctx, f, inbox.MAC(rec, name)); err != nil {
		return err
	} else if !sent {
		body, err := text(rec, f, object)
		if err != nil {
			return err
		}
		if _, err := o.Send(ctx, f.Account, name, bytes.NewReader(body), "gateway", AnswerSource); err != nil {
			return err
		}
	}
	return o.finish(ctx, job)
}

func (o *Outbox) finish(ctx context.Context, job *catalog.Job) error {
	return o.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.FinishJob(job) })
}

// wasAnswered tells a job that is done again after a crash that the answer is
// there. The name holds the file's id, so it is that of no other answer.
func (o *Outbox) wasAnswered(ctx context.Context, f *catalog.File, nameMAC []byte) (bool, error) {
	var files []*catalog.File
	err := o.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		files, err = tx.Files(catalog.FileFilter{Account: f.Account, Direction: catalog.Out, NameMAC: nameMAC, Limit: 1})
		return err
	})
	return len(files) > 0 && files[0].BeganAt.After(f.IndexedAt), err
}

// nameAbout is NAME.ID.KIND.json, NAME cut where the whole would be too long, and
// left out when nobody can read it.
func nameAbout(about fileobject.Object, kind string) string {
	suffix := "." + about.ID + "." + kind + ".json"
	if about.Name == nil {
		return suffix[1:]
	}
	name := *about.Name
	for len(name)+len(suffix) > vpath.MaxElement {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimRight(name, " ") + suffix
}
