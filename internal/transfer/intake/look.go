package intake

import (
	"context"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/intake/ledger"
)

// Look is what the catalog says about a path at which a file may begin: all
// that an OPEN for writing has to know, in one glance.
type Look struct {
	in      *Intake
	spec    Spec
	account *catalog.Account

	Taken bool // something has the name: a file, an unfinished arrival or a folder
	Dir   bool // and it is a folder
}

// Look looks at the path of spec. It fails when the account takes nothing, or
// when there is no such folder.
func (in *Intake) Look(ctx context.Context, spec Spec) (*Look, error) {
	if spec.Direction == "" {
		spec.Direction = catalog.In
	}
	if spec.Path.IsRoot() {
		return nil, fault.New(fault.Invalid, "intake: look", "a file needs a name")
	}
	rec, err := in.keys.Records(ctx, spec.Account)
	if err != nil {
		return nil, err
	}
	l := &Look{in: in, spec: spec}
	err = in.catalog.View(ctx, func(tx *catalog.Tx) error {
		var err error
		if l.account, err = tx.Account(spec.Account); err != nil {
			return err
		}
		if !spec.listed() {
			return nil
		}
		e, err := inbox.In(tx, rec, spec.Login).Look(spec.Path)
		if e != nil {
			l.Taken, l.Dir = true, e.Dir
		}
		return err
	})
	if l.account != nil { // a refusal of the account says more than one of the path
		if err := in.accepts(ctx, l.account, spec.Direction); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	l.Taken = l.Taken || spec.listed() && in.live.Named(spec.name()) != nil
	return l, nil
}

// accepts returns why an account takes no files, if so, as a sentence for who
// sends: it is closed, or there is no key that its files could be sealed for.
func (in *Intake) accepts(ctx context.Context, a *catalog.Account, d catalog.Direction) error {
	if err := ledger.CheckOpen(a); err != nil {
		return err
	}
	if a.Content == catalog.ContentKeep || a.Keys == catalog.KeysCustomer || d == catalog.Out {
		return in.keys.Ready(ctx, a.ID)
	}
	return nil
}
