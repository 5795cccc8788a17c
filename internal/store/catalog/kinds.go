package catalog

import (
	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
)

// IndexJob asks the indexer to take a file on.
const IndexJob = "index"

// ReasonLost is the reason of an erased file whose content a restored gateway could
// not read any more: whoever sent it may send it again.
const ReasonLost = "lost-before-indexing"

// SetAnswered records that something followed our acknowledgement of a file,
// so that the client has it.
func (tx *Tx) SetAnswered(file uuid.UUID) error {
	return tx.execOne("catalog: answered", `UPDATE file SET answered = 1 WHERE id = ?`, column.ID(file))
}
