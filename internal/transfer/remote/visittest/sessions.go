package visittest

import (
	"context"
	"fmt"
	"io"

	"sealgate/internal/transfer/remote"
)

// Somewhere does something before each step of a session: "list", "stat", "open",
// "create", "rename", "remove", "mkdir". An error of its own is the step's.
type Somewhere struct {
	remote.Session
	Before func(step, path string) error
}

// List is a step.
func (s Somewhere) List(ctx context.Context, dir string) ([]remote.Entry, error) {
	if err := s.Before("list", dir); err != nil {
		return nil, err
	}
	return s.Session.List(ctx, dir)
}

// Stat is a step.
func (s Somewhere) Stat(ctx context.Context, path string) (remote.Entry, error) {
	if err := s.Before("stat", path); err != nil {
		return remote.Entry{}, err
	}
	return s.Session.Stat(ctx, path)
}

// Open is a step.
func (s Somewhere) Open(ctx context.Context, path string, offset int64) (*remote.File, error) {
	if err := s.Before("open", path); err != nil {
		return nil, err
	}
	return s.Session.Open(ctx, path, offset)
}

// Create is a step.
func (s Somewhere) Create(ctx context.Context, path string, content io.Reader) (remote.Proof, error) {
	if err := s.Before("create", path); err != nil {
		return remote.Proof{}, err
	}
	return s.Session.Create(ctx, path, content)
}

// Rename is a step.
func (s Somewhere) Rename(ctx context.Context, from, to string, replace bool) error {
	if err := s.Before("rename", from); err != nil {
		return err
	}
	return s.Session.Rename(ctx, from, to, replace)
}

// Remove is a step.
func (s Somewhere) Remove(ctx context.Context, path string) error {
	if err := s.Before("remove", path); err != nil {
		return err
	}
	return s.Session.Remove(ctx, path)
}

// Mkdir is a step.
func (s Somewhere) Mkdir(ctx context.Context, path string) error {
	if err := s.Before("mkdir", path); err != nil {
		return err
	}
	return s.Session.Mkdir(ctx, path)
}

// Cutting cuts the connection at a step: those of Somewhere, and "read", each piece of a
// file. From there on nothing comes through.
type Cutting struct {
	remote.Session
	Nth  int    // how many steps there are to it
	Done bool   // it was done, and its answer is lost
	Met  string // the step that it was; "" = there were fewer
}

// Wrap is for World.Wrap.
func (c *Cutting) Wrap(s remote.Session) remote.Session {
	c.Session = s
	return c
}

func (c *Cutting) step(name string, act func() error) error {
	c.Nth--
	switch {
	case c.Nth > 0:
		return act()
	case c.Nth == 0:
		c.Met = name
		if c.Done {
			_ = act()
		}
		_ = c.Close()
	}
	return fmt.Errorf("test: cut at %s: %w", name, remote.ErrCut)
}

// List is a step.
func (c *Cutting) List(ctx context.Context, dir string) (l []remote.Entry, err error) {
	err = c.step("list", func() (err error) { l, err = c.Session.List(ctx, dir); return err })
	return l, err
}

// Stat is a step.
func (c *Cutting) Stat(ctx context.Context, path string) (e remote.Entry, err error) {
	err = c.step("stat", func() (err error) { e, err = c.Session.Stat(ctx, path); return err })
	return e, err
}

// Open is a step, and so is each piece that is read, of at most 32 KiB.
func (c *Cutting) Open(ctx context.Context, path string, offset int64) (f *remote.File, err error) {
	err = c.step("open", func() (err error) { f, err = c.Session.Open(ctx, path, offset); return err })
	if err != nil {
		return nil, err
	}
	inner := f.ReadCloser
	f.ReadCloser = Reading{inner, func(p []byte) (n int, err error) {
		p = p[:min(len(p), 32<<10)]
		err = c.step("read", func() (err error) { n, err = inner.Read(p); return err })
		if err != nil && c.Nth <= 0 {
			n = 0
		}
		return n, err
	}}
	return f, nil
}

// Create is a step.
func (c *Cutting) Create(ctx context.Context, path string, content io.Reader) (p remote.Proof, err error) {
	err = c.step("create", func() (err error) { p, err = c.Session.Create(ctx, path, content); return err })
	return p, err
}

// Rename is a step.
func (c *Cutting) Rename(ctx context.Context, from, to string, replace bool) error {
	return c.step("rename", func() error { return c.Session.Rename(ctx, from, to, replace) })
}

// Remove is a step.
func (c *Cutting) Remove(ctx context.Context, path string) error {
	return c.step("remove", func() error { return c.Session.Remove(ctx, path) })
}

// Mkdir is a step.
func (c *Cutting) Mkdir(ctx context.Context, path string) error {
	return c.step("mkdir", func() error { return c.Session.Mkdir(ctx, path) })
}

// Reading is a file that is read by a function of the test's.
type Reading struct {
	io.Closer
	By func([]byte) (int, error)
}

func (r Reading) Read(p []byte) (int, error) { return r.By(p) }
