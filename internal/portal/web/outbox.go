package web

import (
	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal/web/desk"
)

// outboxPage is what waits for the account.
type outboxPage struct {
	Rows []fileRow
	Own  bool // the person is of the account: only they say that a file was fetched
}

func (v *visit) outbox() error {
	var waiting []fileobject.Object
	if err := v.Get(v.Of("outbox"), nil, &waiting); err != nil {
		return err
	}
	page := outboxPage{Own: !v.Person.Operator}
	for _, o := range waiting {
		page.Rows = append(page.Rows, rowOf(o))
	}
	return v.Show("outbox", "outbox", v.L.T("outbox.title"), page)
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
	if err := v.Post(desk.Join("files", o.ID, "delivered"), nil, nil); err != nil {
		return err
	}
	return v.Done(v.At("outbox"), "delivered")
}
