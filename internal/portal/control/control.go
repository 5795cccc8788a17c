// Package control is the control socket: where it lies, and who answers on it. Its
// mode lets in only who runs the gateway; what is asked on it is the API's business.
package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/portal/client"
)

// maxSocketPath is what every system takes as the path of a socket.
const maxSocketPath = 100

// pathOf is where the control socket of a data directory lies: in it, or, when
// that path is too long for a socket, in the user's runtime directory. There is no
// other place for it: in a directory that others may write to, somebody could put
// his own socket there first.
func pathOf(data string, getenv func(string) string) (string, error) {
	path := filepath.Join(data, client.SocketFile)
	if len(path) <= maxSocketPath {
		return path, nil
	}
	const op = "control: listen"
	dir := getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		return "", fault.New(fault.Invalid, op,
			"the control socket does not fit into %s: its path would be longer than %d bytes. Use a shorter data directory, or set XDG_RUNTIME_DIR to a directory of your own", data, maxSocketPath)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return "", fault.New(fault.Invalid, op, "XDG_RUNTIME_DIR: %v", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !info.IsDir() || !ok || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return "", fault.New(fault.Denied, op, "XDG_RUNTIME_DIR is %s, which is not a directory that only this user may write to", dir)
	}
	sum := sha256.Sum256([]byte(data))
	path = filepath.Join(dir, "sealgate-"+hex.EncodeToString(sum[:8])+".sock")
	if len(path) > maxSocketPath {
		return "", fault.New(fault.Invalid, op, "XDG_RUNTIME_DIR is %s, which is too long for a socket, too", dir)
	}
	return path, nil
}

// Listen opens the control socket, mode 0600 from its first moment. What an
// earlier gateway left is removed: the caller holds the lock of the directory.
func Listen(data string, getenv func(string) string) (net.Listener, error) {
	const op = "control: listen"
	path, err := pathOf(data, getenv)
	if err != nil {
		return nil, err
	}
	named := filepath.Join(data, client.PathFile)
	for _, stale := range []string{path, named} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
	}
	if filepath.Dir(path) != data {
		if err := durable.WriteFile(durable.OS, named, []byte(path+"\n")); err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
	}
	before := syscall.Umask(0o177)
	l, err := net.Listen("unix", path)
	syscall.Umask(before)
	return l, fault.Wrap(fault.Internal, op, err)
}

// Serve answers on the control socket until ctx ends; requests under way get
// a moment to finish.
func Serve(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fault.Wrap(fault.Internal, "control: serve", err)
	case <-ctx.Done():
	}
	grace, stop := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer stop()
	if srv.Shutdown(grace) != nil {
		srv.Close()
	}
	<-done
	return nil
}
