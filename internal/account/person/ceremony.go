package person

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// ceremonyFor is how long a browser has to answer.
const ceremonyFor = 5 * time.Minute

// Ceremony is what a browser is asked, and what it brings back with its answer: the
// state, sealed. So who has not shown anything yet makes the gateway write nothing. An
// answer that was right uses it up.
type Ceremony struct {
	Options json.RawMessage
	Secret  string
}

func (s *Service) ceremonies() cipher.AEAD {
	block, err := aes.NewCipher(s.mac("ceremonies"))
	if err != nil {
		panic(err) // cannot happen: the key has 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // cannot happen: it is AES
	}
	return aead
}

// ceremony seals the state of what is asked.
func (s *Service) ceremony(kind string, options, state []byte) *Ceremony {
	until := binary.BigEndian.AppendUint64(nil, uint64(s.now().Add(ceremonyFor).Unix())) //nolint:gosec // after 1970
	sealed := s.ceremonies().Seal(nil, nil, append(until, state...), []byte(kind))
	return &Ceremony{Options: options, Secret: base64.RawURLEncoding.EncodeToString(sealed)}
}

// asked opens the state of what was asked, as long as it may be answered.
func (s *Service) asked(kind, secret string) (state []byte, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		return nil, errPasskey
	}
	state, err = s.ceremonies().Open(nil, nil, sealed, []byte(kind))
	if err != nil || len(state) < 8 || s.now().Unix() >= int64(binary.BigEndian.Uint64(state)) { //nolint:gosec // what we sealed
		return nil, errPasskey
	}
	return state[8:], nil
}

// useUp sees to it that what was asked is answered once, however its text is spelled.
func (s *Service) useUp(tx *catalog.Tx, secret string) error {
	sealed, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		return errPasskey
	}
	err = tx.InsertCeremony(&logins.Ceremony{Hash: hash("ceremony", string(sealed)), Until: s.now().Add(ceremonyFor)})
	if fault.Is(err, fault.Exists) {
		return errPasskey
	}
	return err
}
