package remote

import (
	"context"
	"io"
	"path"
	"time"

	"sealgate/internal/fault"
)

// cleanUpWithin bounds the attempt to take away what a failed delivery left.
const cleanUpWithin = 10 * time.Second

// Delivery is a file to be left on a server.
type Delivery struct {
	Path    string // its name there
	ID      string // of the delivery, the same at each try; it names the temporary file
	Size    int64
	Replace bool // what has the name goes; otherwise the name must be free
}

// Temporary is the name under which the bytes travel, in the same folder. Whoever
// waits there for files takes none that begins with a dot.
func (d Delivery) Temporary() string { return path.Join(path.Dir(d.Path), "."+d.ID+".part") }

// TimeToHash is how long a server may take to tell the hash of a file of so many
// bytes: it reads all of it, on a slow machine 16 MiB a second.
func TimeToHash(patience time.Duration, size int64) time.Duration {
	return patience + time.Duration(size>>24)*time.Second
}

// Deliver leaves a file on a server: under a temporary name first, with the size (and
// the hash, where the server offers one) compared, and then renamed. It removes
// nothing but its own temporary file.
//
// An error after the rename was asked for leaves open whether it happened: the caller
// looks whether the temporary name is gone.
func Deliver(ctx context.Context, s Session, d Delivery, content io.Reader) (Proof, error) {
	const op = "remote: deliver"
	temporary := d.Temporary()
	if err := s.Remove(ctx, temporary); err != nil && !fault.Is(err, fault.NotFound) {
		return Proof{}, fault.Wrap(fault.Internal, op, err) // of an earlier try
	}
	proof, err := s.Create(ctx, temporary, content)
	if err == nil && proof.Size != d.Size {
		err = fault.New(fault.Internal, op, "%d bytes were sent of a file of %d", proof.Size, d.Size)
	}
	if err == nil {
		err = s.Rename(ctx, temporary, d.Path, d.Replace)
	}
	if err != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpWithin)
		defer cancel()
		_ = s.Remove(clean, temporary) // best effort; the next try removes it
		return Proof{}, fault.Wrap(fault.Internal, op, err)
	}
	return proof, nil
}
