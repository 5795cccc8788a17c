package keys

import (
	"encoding/json"

	"sealgate/internal/keys/wrapped"
)

// OpenEntries opens every secret in a file of the store or in a copy of it with
// today's master key, for tests that look for one. What is no such file has none.
func OpenEntries(s *Store, text []byte) ([][]byte, error) {
	var b struct {
		wrapped.Document
		Files []*wrapped.Document `json:"files"`
	}
	if json.Unmarshal(text, &b) != nil {
		return nil, nil
	}
	var found [][]byte
	for _, d := range append(b.Files, &b.Document) {
		for _, e := range d.Entries {
			secret, err := s.ring.Open(d.Name, e)
			if err != nil {
				return nil, err
			}
			found = append(found, secret)
		}
	}
	return found, nil
}
