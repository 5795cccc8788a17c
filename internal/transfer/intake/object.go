package intake

import (
	"io"

	"sealgate/internal/fault"
)

// object is where the sealed bytes of an arrival lie: in memory while the file
// is small, in the vault from its first whole slot on. A durable.File is one.
type object interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// memory is the object of a small arrival. It never holds plaintext: what is
// in it was sealed before.
type memory struct{ bytes []byte }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.bytes)) {
		return 0, io.EOF
	}
	n := copy(p, m.bytes[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	end := off + int64(len(p))
	if end > memoryObject {
		return 0, fault.New(fault.Internal, "intake: write", "an object of %d bytes does not belong in memory", end)
	}
	if end > int64(len(m.bytes)) {
		m.bytes = append(m.bytes, make([]byte, end-int64(len(m.bytes)))...)
	}
	return copy(m.bytes[off:], p), nil
}

func (m *memory) Sync() error { return nil }

func (m *memory) Truncate(size int64) error {
	if size < int64(len(m.bytes)) {
		m.bytes = m.bytes[:size]
	}
	return nil
}

func (m *memory) Close() error { return nil }
