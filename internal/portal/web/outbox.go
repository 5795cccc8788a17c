package web

import (
	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
)

// outboxPage is what waits for the account.
type outboxPage struct {
	Rows []fileRow
	Own  bool // the person is of the account: only they say that a file was fetched
}

func (v *visit) outbox() error {
	var waiting []fileobject.Object
	if err := v.get(join("accounts", v.account, "outbox"), nil, &waiting); err != nil {
		return err
	}
	page := outboxPage{Own: !v.person.Operator}
	for _, o := range waiting {
		page.Rows = append(page.Rows, rowOf(o))
	}
	return v.show("outbox", "outbox", v.l.T("outbox.title"), page)
}

// outboxDone says that the account has the file.
func (v *visit) outboxDone() error {
	o, err := v.theFile()
	if err != nil {
		return err
	}
	if o.Direction != "out" {
		return fault.New(fault.Invalid, "web: outbox", "the file does not wait to be fetched")
	}
	if err := v.post(join("files", o.ID, "delivered"), nil, nil); err != nil {
		return err
	}
	return v.done(v.at("outbox"), "delivered")
}
