//go:build unix

package main

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

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

// handOver makes the directory the account's.
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
	err = filepath.WalkDir(string(h), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
	if err != nil {
		return fault.New(fault.Denied, op, "this takes an administrator: %v", err)
	}
	return nil
}
