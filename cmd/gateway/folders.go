package main

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/outbox"
	"sealgate/internal/transfer/sftpd"
)

// outFolder is the outbox as the SFTP server shows it under /out.
type outFolder struct{ box *outbox.Outbox }

func (f outFolder) List(ctx context.Context, account uuid.UUID) ([]sftpd.Item, error) {
	found, err := f.box.Waiting(ctx, account)
	return items(found), err
}

func (f outFolder) find(ctx context.Context, account uuid.UUID, ref sftpd.Ref) (*catalog.File, error) {
	if ref.ID != uuid.Nil {
		return f.box.WaitingByID(ctx, account, ref.ID)
	}
	return f.box.FindWaiting(ctx, account, ref.Name)
}

func (f outFolder) Stat(ctx context.Context, account uuid.UUID, ref sftpd.Ref) (sftpd.Item, error) {
	file, err := f.find(ctx, account, ref)
	return shown(ref.Name, file), err
}

func (f outFolder) Open(ctx context.Context, account, _ uuid.UUID, ref sftpd.Ref) (sftpd.Content, error) {
	file, err := f.find(ctx, account, ref)
	if err != nil {
		return nil, err
	}
	return f.box.Open(ctx, file)
}

func (f outFolder) Remove(ctx context.Context, account, login uuid.UUID, ref sftpd.Ref) error {
	if ref.ID == uuid.Nil {
		file, err := f.box.FindWaiting(ctx, account, ref.Name)
		if err != nil {
			return err
		}
		ref.ID = file.ID
	}
	return f.box.Delivered(ctx, ref.ID, login.String())
}

// keptFolder is an account's kept files as the SFTP server shows them under /kept.
type keptFolder struct{ box *outbox.Outbox }

func (f keptFolder) Pages(ctx context.Context, account uuid.UUID) (sftpd.Pages, error) {
	pages, err := f.box.KeptPages(ctx, account)
	return keptPages{pages}, err
}

// keptPages is the list of them.
type keptPages struct{ *outbox.Pages }

func (p keptPages) Next(ctx context.Context) ([]sftpd.Item, error) {
	found, err := p.Pages.Next(ctx)
	return items(found), err
}

func (f keptFolder) Stat(ctx context.Context, account uuid.UUID, ref sftpd.Ref) (sftpd.Item, error) {
	file, err := f.box.FindKept(ctx, account, ref.Name)
	return shown(ref.Name, file), err
}

func (f keptFolder) Open(ctx context.Context, account, _ uuid.UUID, ref sftpd.Ref) (sftpd.Content, error) {
	file, err := f.box.FindKept(ctx, account, ref.Name)
	if err != nil {
		return nil, err
	}
	return f.box.Open(ctx, file)
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
