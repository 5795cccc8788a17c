package catalog

import (
	"context"
	"errors"
	"os"

	"sealgate/internal/fault"
)

// Backup writes a copy of the catalog as it is now to a new file at path, while
// work goes on. The copy is durable and complete when Backup returns nil; after
// an error there is none. It holds grants, but the ingest keys that open them
// are in no backup.
func (c *Catalog) Backup(ctx context.Context, path string) error {
	const op = "catalog: backup"
	if err := c.failure(op); err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return fault.New(fault.Exists, op, "the file to write the backup to is there already")
	}
	conn, err := c.writePool.Conn(ctx)
	if err != nil {
		return fault.Wrap(kindOf(err), op, err)
	}
	defer func() { _ = conn.Close() }() // goes back to the pool
	if err := copyInto(ctx, conn, path); err != nil {
		return fault.Wrap(kindOf(err), op, errors.Join(err, os.Remove(path)))
	}
	return nil
}
