package accountapi

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
)

// maxCounted bounds what is counted one by one.
const maxCounted = 100_000

// keepsForLess refuses a shorter time of keeping that was not confirmed, when there
// are files which that would erase.
func (o *office) keepsForLess(ctx context.Context, name string, c portal.AccountChange) error {
	if c.KeepFor == nil || *c.KeepFor == 0 {
		return nil
	}
	acct, err := o.Accounts.Account(ctx, name)
	if err != nil {
		return err
	}
	keep := time.Duration(*c.KeepFor)
	if acct.KeepFor > 0 && keep >= acct.KeepFor || c.Confirm == acct.Name {
		return nil
	}
	kept, err := o.keptBefore(ctx, acct, o.Now().Add(-keep))
	if err != nil || kept.files == 0 {
		return err
	}
	return fault.New(fault.Invalid, "api: account",
		"Keeping the files of %s for %s erases the content of %s at the next round of retention, for ever; copies in older backups open as long as those and the account's keys are there. Nothing was done: confirm it with the account's name.",
		acct.Name, c.KeepFor, kept)
}

// mayChange refuses dangerous changes of an account to whom has to prove first that it
// is he: those about who may read, how people sign in, what is kept, and keys. Operators
// who are not let in, or have to ask, do not open that door to themselves: an admin of
// the account does, or somebody on the machine. And a program of an operator, whose
// token anybody may have found, opens no door: neither the second factor of an
// account's people, nor what a customer holds the keys of.
func (o *office) mayChange(ctx context.Context, name string, c portal.AccountChange) error {
	acct, err := o.Accounts.Account(ctx, name)
	if err != nil {
		return err
	}
	easier := c.RequireFactor != nil && acct.RequireFactor && !*c.RequireFactor
	shorter := c.OutboxKeepFor != nil && time.Duration(*c.OutboxKeepFor) < acct.OutboxKeepFor
	if c.OperatorAccess == nil && c.Content == nil && c.KeepFor == nil && c.KeyPeriod == nil && !easier && !shorter {
		return nil
	}
	if err := access.Proved(ctx, o.Now()); err != nil {
		return err
	}
	who := access.Of(ctx)
	opens := c.OperatorAccess != nil && *c.OperatorAccess != catalog.OperatorOff && acct.Keys == catalog.KeysCustomer
	itself := who.Operator && !who.Local && c.OperatorAccess != nil && *c.OperatorAccess == catalog.OperatorOn && acct.OperatorAccess != catalog.OperatorOn
	switch program := who.Operator && !who.Local && who.Session == uuid.Nil; {
	case itself:
		return fault.New(fault.Denied, "api: account",
			"%s does not let operators in as they please: an admin of the account changes that, or somebody on the gateway's own machine", acct.Name)
	case program && opens:
		return fault.New(fault.Denied, "api: account",
			"%s holds its keys itself: operators are let in by a person who is signed in, or on the gateway's own machine, not by a token", acct.Name)
	case program && easier:
		return fault.New(fault.Denied, "api: account",
			"the second factor is given up by a person who is signed in, or on the gateway's own machine, not by an operator's token")
	}
	return nil
}

// whatClosingDoes is the answer to closing an account without a confirmation.
func (o *office) whatClosingDoes(ctx context.Context, acct *account.Account) error {
	logins, err := o.Accounts.Logins(ctx, acct.Name)
	if err != nil {
		return err
	}
	kept, err := o.keptBefore(ctx, acct, o.Now().Add(time.Minute))
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
func (o *office) keptBefore(ctx context.Context, acct *account.Account, before time.Time) (b bulk, err error) {
	err = o.Catalog.View(ctx, func(tx *catalog.Tx) error {
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
