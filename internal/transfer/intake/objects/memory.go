package objects

import (
	"io"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Object is where the sealed bytes of an arrival lie: in memory while the file
// is small, in the vault from its first whole slot on. A durable.File is one.
type Object interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// maxMemory is the longest that a Memory gets: a slot and what belongs to it.
const maxMemory = 2 * seal.SlotSize

// Memory is the object of a small arrival. It never holds plaintext: what is in
// it was sealed before.
type Memory struct{ Bytes []byte }

// ReadAt implements io.ReaderAt.
func (m *Memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.Bytes)) {
		return 0, io.EOF
	}
	n := copy(p, m.Bytes[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements io.WriterAt.
func (m *Memory) WriteAt(p []byte, off int64) (int, error) {
	end := off + int64(len(p))
	if end > maxMemory {
		return 0, fault.New(fault.Internal, "objects: write", "an object of %d bytes does not belong in memory", end)
	}
	if end > int64(len(m.Bytes)) {
		m.Bytes = append(m.Bytes, make([]byte, end-int64(len(m.Bytes)))...)
	}
	return copy(m.Bytes[off:], p), nil
}

// Sync does nothing: the catalog makes the bytes durable.
func (m *Memory) Sync() error { return nil }

// Truncate cuts the object to size.
func (m *Memory) Truncate(size int64) error {
	if size < int64(len(m.Bytes)) {
		m.Bytes = m.Bytes[:size]
	}
	return nil
}

// Close does nothing.
func (m *Memory) Close() error { return nil }
