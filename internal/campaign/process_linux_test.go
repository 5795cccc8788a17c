package campaign

import "syscall"

// dieWithTest makes the kernel end the gateway when the test process dies: a
// test that is killed leaves no server behind.
func dieWithTest() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
