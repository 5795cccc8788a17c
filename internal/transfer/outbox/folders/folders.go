// Package folders shows the outbox as folders of the SFTP server: what waits under
// /out, what is kept under /kept.
package folders

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/outbox"
	"sealgate/internal/transfer/sftpd"
)

// Out is what waits, under /out: removing it says that it was delivered.
type Out struct{ Box *outbox.Outbox }

func (f Out) List(ctx context.Context, account uuid.UUID) ([]sftpd.Item, error) {
	found, err := f.Box.Waiting(ctx, account)
	return items(found), err
}

func (f Out) find(ctx context.Context, account uuid.UUID, ref sftpd.Ref) (*catalog.File, error) {
	if ref.ID != uuid.Nil {
		return f.Box.WaitingByID(ctx, account, ref.ID)
	}
	return f.Box.FindWaiting(ctx, account, ref.Name)
}

func (f Out) Stat(ctx context.Context, account uuid.UUID, ref sftpd.Ref) (sftpd.Item, error) {
	file, err := f.find(ctx, account, ref)
	return shown(ref.Name, file), err
}

func (f Out) Open(ctx context.Context, account, _ uuid.UUID, ref sftpd.Ref) (sftpd.Content, error) {
	file, err := f.find(ctx, account, ref)
	if err != nil {
		return nil, err
	}
	return f.Box.Open(ctx, file)
}

func (f Out) Remove(ctx context.Context, account, login uuid.UUID, ref sftpd.Ref) error {
	if ref.ID == uuid.Nil {
		file, err := f.Box.FindWaiting(ctx, account, ref.Name)
		if err != nil {
			return err
		}
		ref.ID = file.ID
	}
	return f.Box.Delivered(ctx, ref.ID, login.String())
}

// Kept is an account's kept files, under /kept: they can be read.
type Kept struct{ Box *outbox.Outbox }

func (f Kept) Pages(ctx context.Context, account uuid.UUID) (sftpd.Pages, error) {
	pages, err := f.Box.KeptPages(ctx, account)
	return keptPages{pages}, err
}

// keptPages is the list of them.
type keptPages struct{ *outbox.Pages }

func (p keptPages) Next(ctx context.Context) ([]sftpd.Item, error) {
	found, err := p.Pages.Next(ctx)
	return items(found), err
}

func (f Kept) Stat(ctx context.Context, account uuid.UUID, ref sftpd.Ref) (sftpd.Item, error) {
	file, err := f.Box.FindKept(ctx, account, ref.Name)
	return shown(ref.Name, file), err
}

func (f Kept) Open(ctx context.Context, account, _ uuid.UUID, ref sftpd.Ref) (sftpd.Content, error) {
	file, err := f.Box.FindKept(ctx, account, ref.Name)
	if err != nil {
		return nil, err
	}
	return f.Box.Open(ctx, file)
}

func items(found []outbox.Item) []sftpd.Item {
	list := make([]sftpd.Item, 0, len(found))
	for _, i := range found {
		list = append(list, shown(i.Name, i.File))
	}
	return list
}

func shown(name string, f *catalog.File) sftpd.Item {
	if f == nil {
		return sftpd.Item{}
	}
	return sftpd.Item{ID: f.ID, Name: name, Size: f.Content.Size, ModTime: f.ReceivedAt}
}
