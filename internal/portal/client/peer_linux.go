package client

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"sealgate/internal/fault"
)

// checkPeer refuses a socket behind which another user listens: passphrases and
// passwords go through it. The gateway may run as this user or as root; for root
// it may run as the user who owns the data directory, too.
func checkPeer(conn net.Conn, data string) error {
	const op = "client: peer"
	raw, err := conn.(*net.UnixConn).SyscallConn()
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	var peer *unix.Ucred
	var asked error
	err = raw.Control(func(fd uintptr) { peer, asked = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err == nil {
		err = asked
	}
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	if !trusted(int(peer.Uid), os.Geteuid(), ownerOf(data)) {
		return fault.New(fault.Denied, op,
			"behind the control socket of %s is a program of user %d, not a gateway of yours or of root; nothing was sent to it", data, peer.Uid)
	}
	return nil
}

// trusted reports whether a program of user peer may be told what user self says.
func trusted(peer, self, owner int) bool {
	return peer == self || peer == 0 || (self == 0 && peer == owner)
}

// ownerOf is the user who owns a directory, -1 when it cannot be told.
func ownerOf(dir string) int {
	info, err := os.Stat(dir)
	if err != nil {
		return -1
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return -1
	}
	return int(st.Uid)
}
