package agents

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Delivery is what an agent calls one file of its own, and the file that it became: an
// agent has each delivery once.
type Delivery struct {
	Agent   uuid.UUID
	ID      []byte // a MAC that only the agent can make
	File    uuid.UUID
	TakenAt time.Time // zero = the file is on its way
}

const selectDelivery = `SELECT agent, delivery, file, taken_at FROM agent_delivery `

func readDelivery(s engine.Scan) (*Delivery, error) {
	d := new(Delivery)
	err := s((*column.ID)(&d.Agent), &d.ID, (*column.ID)(&d.File), (*column.Time)(&d.TakenAt))
	return d, err
}

// PutAgentDelivery writes a delivery, in the place of what the agent has called so before.
func (in Agents) PutAgentDelivery(d *Delivery) error {
	_, err := in.tx.Exec("catalog: put delivery",
		`INSERT INTO agent_delivery (agent, delivery, file, taken_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (agent, delivery) DO UPDATE SET file = excluded.file, taken_at = excluded.taken_at`,
		column.ID(d.Agent), d.ID, column.ID(d.File), column.Time(d.TakenAt))
	return err
}

// AgentDelivery returns what an agent calls so.
func (in Agents) AgentDelivery(agent uuid.UUID, id []byte) (*Delivery, error) {
	return engine.One(in.tx, "catalog: delivery", readDelivery, selectDelivery+`WHERE agent = ? AND delivery = ?`, column.ID(agent), id)
}

// ForgetAgentDelivery removes what an agent calls a file that was not taken.
func (in Agents) ForgetAgentDelivery(agent, file uuid.UUID) error {
	_, err := in.tx.Exec("catalog: forget delivery", `DELETE FROM agent_delivery WHERE agent = ? AND file = ? AND taken_at = 0`, column.ID(agent), column.ID(file))
	return err
}
