//go:build unix

package main

import (
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"sealgate/internal/agent/home"
	"sealgate/internal/fault"
)

// defaultAccount is the account made for Connect, if there is one.
func defaultAccount() string {
	if _, err := user.Lookup(serviceName); err == nil {
		return serviceName
	}
	return ""
}

// handOver makes the directory, and what is in it, the account's.
func handOver(h home.Home, name string) error {
	const op = "service: install"
	u, err := user.Lookup(name)
	if err != nil {
		return fault.New(fault.NotFound, op, "there is no account %s on this machine", name)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err1 != nil || err2 != nil {
		return fault.New(fault.Invalid, op, "the account %s has no number", name)
	}
	return giveAll(op, h, uid, gid)
}

func giveAll(op string, h home.Home, uid, gid int) error {
	root, err := os.OpenRoot(string(h))
	if err != nil {
		return fault.New(fault.Denied, op, "this takes an administrator: %v", err)
	}
	defer root.Close()
	err = fs.WalkDir(root.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() && !d.Type().IsRegular() {
			return err
		}
		return give(root, path, uid, gid)
	})
	if err != nil {
		return fault.New(fault.Denied, op, "this takes an administrator: %v", err)
	}
	return nil
}

// serviceOf returns whose the directory is, when root works in that of another account:
// what root makes there, that one could not use.
func serviceOf(h home.Home) (s *syscall.Stat_t, other bool) {
	info, err := os.Stat(string(h))
	if err != nil || os.Geteuid() != 0 {
		return nil, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	return s, ok && s.Uid != 0
}

// giveBack makes what root has made in the directory its owner's.
func giveBack(h home.Home) error {
	s, other := serviceOf(h)
	if !other {
		return nil
	}
	return giveAll("connect: give back", h, int(s.Uid), int(s.Gid))
}

// notAsRoot refuses to root what leaves files in the directory of another account.
func notAsRoot(h home.Home) error {
	s, other := serviceOf(h)
	if !other {
		return nil
	}
	name := "#" + strconv.Itoa(int(s.Uid))
	if u, err := user.LookupId(strconv.Itoa(int(s.Uid))); err == nil {
		name = u.Username
	}
	return fault.New(fault.Denied, "connect: account", "%s is the directory of the account %s, which could not use what root makes there: start the service (connect service start), or run this as that account: sudo -u %s connect …", h, name, name)
}

// give makes one file or directory the account's. The account may have put there what
// it likes since it was last given: what has a second name is somebody else's file,
// and nothing is followed out of the directory.
func give(root *os.Root, path string, uid, gid int) error {
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && !info.IsDir() && (s.Nlink > 1 || !info.Mode().IsRegular()) {
		return nil
	}
	return f.Chown(uid, gid)
}
