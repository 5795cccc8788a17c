package api

import (
	"context"
	"fmt"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/store/catalog"
)

// What destroys something says first, in one sentence, what is lost, for whom and how
// many files; it is done only when it is confirmed by name.

// maxCounted bounds what is counted one by one.
const maxCounted = 100_000

// keepsForLess refuses a shorter time of keeping that was not confirmed, when there
// are files which that would erase.
func (a *API) keepsForLess(ctx context.Context, name string, c portal.AccountChange) error {
	if c.KeepFor == nil || *c.KeepFor == 0 {
		return nil
	}
	acct, err := a.Accounts.Account(ctx, name)
	if err != nil {
		return err
	}
	keep := time.Duration(*c.KeepFor)
	if acct.KeepFor > 0 && keep >= acct.KeepFor || c.Confirm == acct.Name {
		return nil
	}
	kept, err := a.keptBefore(ctx, acct, a.Now().Add(-keep))
	if err != nil || kept.files == 0 {
		return err
	}
	return fault.New(fault.Invalid, "api: account",
		"Keeping the files of %s for %s erases the content of %s at the next round of retention, for ever; copies in older backups open as long as those and the account's keys are there. Nothing was done: confirm it with the account's name.",
		acct.Name, c.KeepFor, kept)
}

// whatClosingDoes is the answer to closing an account without a confirmation.
func (a *API) whatClosingDoes(ctx context.Context, acct *account.Account) error {
	logins, err := a.Accounts.Logins(ctx, acct.Name)
	if err != nil {
		return err
	}
	kept, err := a.keptBefore(ctx, acct, a.Now().Add(time.Minute))
	if err != nil {
		return err
	}
	return fault.New(fault.Invalid, "api: account",
		"Closing account %s removes its %s for ever, so that nobody of %s signs in and nothing is accepted any more; what is kept for it, %s, stays sealed and on record, and its name stays taken. Nothing was done: confirm it with the account's name.",
		acct.Name, counted(len(logins), "login"), acct.Name, kept)
}

// bulk is how many files there are, and how large they are together.
type bulk struct {
	files int
	bytes int64
	more  bool
}

func (b bulk) String() string {
	text := fmt.Sprintf("%s (%d bytes)", counted(b.files, "file"), b.bytes)
	if b.more {
		text = fmt.Sprintf("more than %s", counted(maxCounted, "file"))
	}
	return text
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// keptBefore counts the kept files of an account that came before a time.
func (a *API) keptBefore(ctx context.Context, acct *account.Account, before time.Time) (b bulk, err error) {
	err = a.Catalog.View(ctx, func(tx *catalog.Tx) error {
		files, err := tx.FilesToErase(acct.ID, before, maxCounted+1)
		for _, f := range files {
			b.files++
			b.bytes += f.Content.Size
		}
		b.more = len(files) > maxCounted
		return err
	})
	return b, err
}
