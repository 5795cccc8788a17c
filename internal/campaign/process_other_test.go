//go:build !linux

package campaign

import "syscall"

func dieWithTest() *syscall.SysProcAttr { return nil }
