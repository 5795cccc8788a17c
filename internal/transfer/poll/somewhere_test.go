package poll_test

import (
	"context"

	"sealgate/internal/transfer/remote"
)

func (s somewhere) List(ctx context.Context, dir string) ([]remote.Entry, error) {
	if err := s.before("list", dir); err != nil {
		return nil, err
	}
	return s.Session.List(ctx, dir)
}

func (s somewhere) Stat(ctx context.Context, path string) (remote.Entry, error) {
	if err := s.before("stat", path); err != nil {
		return remote.Entry{}, err
	}
	return s.Session.Stat(ctx, path)
}

func (s somewhere) Open(ctx context.Context, path string, offset int64) (*remote.File, error) {
	if err := s.before("open", path); err != nil {
		return nil, err
	}
	return s.Session.Open(ctx, path, offset)
}

func (s somewhere) Rename(ctx context.Context, from, to string, replace bool) error {
	if err := s.before("rename", from); err != nil {
		return err
	}
	return s.Session.Rename(ctx, from, to, replace)
}

func (s somewhere) Remove(ctx context.Context, path string) error {
	if err := s.before("remove", path); err != nil {
		return err
	}
	return s.Session.Remove(ctx, path)
}

func (s somewhere) Mkdir(ctx context.Context, path string) error {
	if err := s.before("mkdir", path); err != nil {
		return err
	}
	return s.Session.Mkdir(ctx, path)
}
