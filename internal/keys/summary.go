package keys

import "crypto/ed25519"

// Summary says what is in the store, and no secret.
type Summary struct {
	Dir        string
	Master     string // where the master key comes from
	Generation int    // how many master keys the store has had
	Identity   ed25519.PublicKey
	Accounts   int          // that have keys here
	IngestKeys []*IngestKey // the living ones, the oldest day first
	Copy       string       // where the last backup was written; empty when there was none, or none since a restore
}

// Summary describes the store for people.
func (s *Store) Summary() (Summary, error) {
	accounts, err := s.Accounts()
	if err != nil {
		return Summary{}, err
	}
	copied, err := s.spare.Path()
	if err != nil {
		return Summary{}, err
	}
	return Summary{
		Dir: s.dir, Master: s.MasterSource(), Generation: s.Generation(),
		Identity: s.Identity().Public().(ed25519.PublicKey),
		Accounts: len(accounts), IngestKeys: s.IngestKeys(),
		Copy: copied,
	}, nil
}
