package push_test

import (
	"context"
	"fmt"
	"io"

	"sealgate/internal/transfer/remote"
)

// somewhere does something before a step of a session.
type somewhere struct {
	remote.Session
	before func(step, path string) error
}

func (s somewhere) Create(ctx context.Context, path string, content io.Reader) (remote.Proof, error) {
	if err := s.before("create", path); err != nil {
		return remote.Proof{}, err
	}
	return s.Session.Create(ctx, path, content)
}

func (s somewhere) Rename(ctx context.Context, from, to string, replace bool) error {
	if err := s.before("rename", from); err != nil {
		return err
	}
	return s.Session.Rename(ctx, from, to, replace)
}

// cutting cuts the connection at the nth step, before it was done or after.
type cutting struct {
	remote.Session
	nth  int
	done bool
	met  string // the step that it was
}

func (c *cutting) wrap(s remote.Session) remote.Session {
	c.Session = s
	return c
}

func (c *cutting) step(name string, act func() error) error {
	c.nth--
	switch {
	case c.nth > 0:
		return act()
	case c.nth == 0:
		c.met = name
		if c.done {
			_ = act()
		}
		_ = c.Close()
	}
	return fmt.Errorf("test: cut at %s: %w", name, remote.ErrCut)
}

func (c *cutting) Stat(ctx context.Context, path string) (e remote.Entry, err error) {
	err = c.step("stat", func() (err error) { e, err = c.Session.Stat(ctx, path); return err })
	return e, err
}

func (c *cutting) Create(ctx context.Context, path string, content io.Reader) (p remote.Proof, err error) {
	err = c.step("create", func() (err error) { p, err = c.Session.Create(ctx, path, content); return err })
	return p, err
}

func (c *cutting) Rename(ctx context.Context, from, to string, replace bool) error {
	return c.step("rename", func() error { return c.Session.Rename(ctx, from, to, replace) })
}

func (c *cutting) Remove(ctx context.Context, path string) error {
	return c.step("remove", func() error { return c.Session.Remove(ctx, path) })
}
