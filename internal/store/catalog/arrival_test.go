package catalog_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/logins"
)

// sender is a login that sends files into its /in.
type sender struct {
	account *catalog.Account
	login   uuid.UUID
	lock    int64
	body    []byte
}

func newSender(t testing.TB, c *catalog.Catalog) *sender {
	s := &sender{account: catalogtest.Account(t, c, "acme"), login: catalogtest.ID(), body: bytes.Repeat([]byte{7}, 12<<10+300)}
	catalogtest.Update(t, c, func(tx *catalog.Tx) (err error) {
		if err := tx.InsertLogin(&logins.Login{ID: s.login, Account: s.account.ID, Name: []byte{1}, NameMAC: catalogtest.MAC()}); err != nil {
			return err
		}
		s.lock, err = tx.LockFor(s.account.ID, []string{"01"}, []string{"ff"})
		return err
	})
	return s
}

// arrival is what intake asks and commits for one small file.
func (s *sender) arrival() func(*catalog.Tx) error {
	f := newFile(s.account)
	f.Login, f.Lock, f.Delivery.MAC = s.login, s.lock, catalogtest.MAC()
	return func(tx *catalog.Tx) error {
		if _, err := tx.FileByDelivery(f.Account, f.Delivery.MAC, f.BeganAt); !fault.Is(err, fault.NotFound) {
			return err
		}
		if err := tx.InsertFile(f); err != nil {
			return err
		}
		if err := tx.DeleteInline(f.ID); err != nil {
			return err
		}
		if err := tx.PutInline(f.ID, s.body); err != nil {
			return err
		}
		account, err := tx.Account(f.Account)
		if err != nil {
			return err
		}
		for range 2 {
			if _, err := tx.EntryByName(s.login, uuid.Nil, f.NameMAC); !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		if err := tx.InsertEntry(&catalog.Entry{
			ID: catalogtest.ID(), Login: s.login, NameMAC: f.NameMAC, Name: f.Name, File: f.ID,
			MTime: f.BeganAt, CreatedAt: f.BeganAt, Until: f.BeganAt.Add(account.InShowFor),
		}); err != nil {
			return err
		}
		if err := tx.Audit(audit.Entry{
			Account: f.Account, Actor: s.login.String(), Action: "file.received", Object: f.ID.String(),
			Detail: map[string]string{"source": "sftp"},
		}); err != nil {
			return err
		}
		return tx.AddJob(&catalog.Job{Kind: catalog.IndexJob, Account: f.Account, File: f.ID, RunAt: f.ReceivedAt})
	}
}

// newFile is a received file of a likely size.
func newFile(account *catalog.Account) *catalog.File {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return &catalog.File{
		ID: catalogtest.ID(), Account: account.ID, Direction: catalog.In, State: catalog.Received,
		Source: "sftp", Node: "one", Login: account.ID,
		Name: bytes.Repeat([]byte{1}, 48), NameMAC: catalogtest.MAC(),
		Times:   catalog.Times{BeganAt: now, ReceivedAt: now},
		Content: catalog.Content{Size: 12288, SHA256: bytes.Repeat([]byte{2}, 60), MAC: catalogtest.MAC()},
		Body:    catalog.Body{Kind: catalog.InlineBody, Sealed: 12600},
		Grant:   catalog.Grant{Key: "5f", Data: bytes.Repeat([]byte{3}, 61)},
	}
}
