package account

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/agents"
	"sealgate/internal/store/catalog/logins"
)

// ActorKind is what stands behind the actor of an audit entry.
type ActorKind string

// The kinds of actor.
const (
	ActorGateway  ActorKind = "gateway"
	ActorMachine  ActorKind = "machine" // who has the gateway's machine
	ActorOperator ActorKind = "operator"
	ActorLogin    ActorKind = "login"
	ActorToken    ActorKind = "token"
	ActorAgent    ActorKind = "agent"
	ActorRemote   ActorKind = "remote" // a visit at a server of the account's, by the remote's name
)

// Actor is who did something. The audit log names him by id; his name is found as
// long as he is there and his account's names can be read.
type Actor struct {
	Kind    ActorKind
	Account uuid.UUID
	Name    string // "" = nobody knows any more
}

// Actor tells who stands behind the actor of an audit entry.
func (s *Service) Actor(ctx context.Context, text string) (Actor, error) {
	kind, id := ActorLogin, text
	switch before, after, cut := strings.Cut(text, ":"); {
	case text == audit.Gateway:
		return Actor{Kind: ActorGateway}, nil
	case cut && before == "remote":
		return Actor{Kind: ActorRemote, Name: after}, nil
	case cut && before == "token":
		kind, id = ActorToken, after
	case cut && before == "agent":
		kind, id = ActorAgent, after
	case cut && before == "operator":
		kind, id = ActorOperator, after
	}
	parsed, err := uuid.Parse(id)
	if err != nil { // the control socket, or a command on a stopped gateway
		return Actor{Kind: ActorMachine}, nil
	}
	a := Actor{Kind: kind}
	var sealed []byte
	var system *catalog.Account
	err = s.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if system, err = tx.AccountByName(catalog.SystemAccount); err != nil {
			return err
		}
		switch kind {
		case ActorToken:
			var row *logins.Token
			if row, err = tx.Token(parsed); err == nil {
				a.Account, sealed = row.Account, row.Name
			}
		case ActorAgent:
			var row *agents.Agent
			if row, err = tx.Agent(parsed); err == nil {
				a.Account, sealed = row.Account, row.Name
			}
		default:
			var row *logins.Login
			if row, err = tx.Login(parsed); err == nil {
				a.Account, sealed = row.Account, row.Name
			}
		}
		if fault.Is(err, fault.NotFound) {
			err = nil // he is gone
		}
		return err
	})
	if err != nil || a.Account == uuid.Nil {
		return a, err
	}
	if kind == ActorLogin && a.Account == system.ID {
		a.Kind = ActorOperator
	}
	rec, err := s.keys.Records(ctx, a.Account)
	if fault.Is(err, fault.Locked) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	table := "login"
	if kind == ActorToken || kind == ActorAgent {
		table = string(kind)
	}
	if name, err := rec.Open(table, "name", parsed, sealed); err == nil { // else nobody can read it any more
		a.Name = string(name)
	}
	return a, nil
}
