package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

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
	var f *catalog.File
	var account *catalog.Account
	err := o.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if f, err = tx.File(job.File); err == nil {
			account, err = tx.Account(f.Account)
		}
		return err
	})
	if err != nil {
		return err
	}
	rec, err := o.keys.Records(ctx, f.Account)
	if err != nil {
		return err
	}
	object, err := fileobject.Of(rec, account.Name, f)
	if err != nil {
		return err
	}
	name := answerName(object.Name, object.ID)
	if sent, err := o.wasAnswered(ctx, f, inbox.MAC(rec, name)); err != nil {
		return err
	} else if !sent {
		text, err := json.MarshalIndent(object, "", "  ")
		if err != nil {
			return fault.Wrap(fault.Internal, "outbox: answer", err)
		}
		if _, err := o.Send(ctx, f.Account, name, bytes.NewReader(append(text, '\n')), "gateway", AnswerSource); err != nil {
			return err
		}
	}
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

// answerName is NAME.ID.answer.json, NAME cut where the whole would be too long.
func answerName(name, id string) string {
	suffix := "." + id + ".answer.json"
	for len(name)+len(suffix) > vpath.MaxElement {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return strings.TrimRight(name, " ") + suffix
}
