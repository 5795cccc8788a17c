package api

import (
	"crypto/ed25519"
	"log/slog"

	"sealgate/internal/account/agents"
	"sealgate/internal/portal/agentapi"
)

// mountAgents adds the operations on agents.
func (h *house) mountAgents() {
	w := h.world
	agentapi.Register(h.api.Router, agentapi.Services{
		Accounts: h.api.Accounts, Gateway: "https://gateway.example", Now: w.Clock.Now,
		Agents: agents.New(w.Catalog, w.Keys, agents.Options{
			Identity: w.Store.Identity().Public().(ed25519.PublicKey), Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler), Ended: w.DropSealed,
		}),
	})
}
