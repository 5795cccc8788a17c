//go:build unix

package send

import "syscall"

// careful: what was put in the place of a file since it was looked at, a pipe or a
// link, neither blocks nor leads elsewhere.
const careful = syscall.O_NONBLOCK | syscall.O_NOFOLLOW
