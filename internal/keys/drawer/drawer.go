// Package drawer keeps secrets that have names among those of one account in the key
// store: what the parts of the gateway want kept, and the store has no word for.
package drawer

import (
	"github.com/google/uuid"

	"sealgate/internal/keys"
)

// Drawer is where secrets of one kind lie.
type Drawer struct {
	Keys    *keys.Store
	Account uuid.UUID
	Kind    string
}

// Get returns a secret; NotFound when there is none of that name.
func (d Drawer) Get(name string) ([]byte, error) {
	return d.Keys.AccountSecret(d.Account, d.Kind, d.id(name))
}

// Put keeps a secret in the place of the one before.
func (d Drawer) Put(name string, secret []byte) error {
	return d.Keys.SetSecret(d.Account, d.Kind, d.id(name), secret)
}

func (d Drawer) id(name string) uuid.UUID { return uuid.NewSHA1(d.Account, []byte(name)) }
