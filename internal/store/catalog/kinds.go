package catalog

import (
	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
)

// IndexJob asks the indexer to take a file on.
const IndexJob = "index"

// SetAnswered records that something followed our acknowledgement of a file,
// so that the client has it.
func (tx *Tx) SetAnswered(file uuid.UUID) error {
	return tx.execOne("catalog: answered", `UPDATE file SET answered = 1 WHERE id = ?`, column.ID(file))
}
