package signin

import (
	"context"
	"net/netip"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// SetDerive puts another function in the place of Argon2id.
func (s *Service) SetDerive(derive func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte) {
	s.derive = derive
}

// Cached reports whether a password of the login is remembered.
func (s *Service) Cached(login uuid.UUID) bool {
	s.verified.mu.Lock()
	defer s.verified.mu.Unlock()
	_, ok := s.verified.entries[login]
	return ok
}

// Known reports whether the attempt comes from where its login has signed in.
func (s *Service) Known(ctx context.Context, a Attempt) (bool, error) {
	f, err := s.look(ctx, a)
	return f.known || f.login != nil && !f.login.LastSeen.IsZero(), err
}

// Guess pays for one wrong password, without its hash; false when the budget is
// spent.
func (s *Service) Guess(tx *catalog.Tx, login uuid.UUID, from netip.Addr) (bool, error) {
	return spend(tx, s.budgets(Attempt{Source: from}, &found{login: &logins.Login{ID: login}}), s.now())
}
