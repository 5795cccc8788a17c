package home

import (
	"crypto/ed25519"
	"crypto/hpke"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// Keys are the agent's private keys: it signs with one, and what comes down is
// sealed to the other. They do not print.
type Keys struct {
	Sign    ed25519.PrivateKey
	Receive hpke.PrivateKey
}

// LogValue redacts the keys.
func (Keys) LogValue() slog.Value { return slog.StringValue("[keys]") }

// String redacts the keys.
func (Keys) String() string { return "[keys]" }

const (
	keyBlock = "SEALGATE AGENT KEY" // the seed of Ed25519 (32) and the seed of the HPKE key (32)
	seedSize = 32
)

// NewKeys draws both keys.
func NewKeys() (*Keys, error) {
	_, sign, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "home: new keys", err)
	}
	receive, err := hpke.MLKEM768X25519().GenerateKey()
	return &Keys{Sign: sign, Receive: receive}, fault.Wrap(fault.Internal, "home: new keys", err)
}

// SetKeys writes the keys, readable by their owner only.
func (h Home) SetKeys(k *Keys) error {
	const op = "home: write keys"
	seed, err := k.Receive.Bytes()
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	secret := append(append([]byte(nil), k.Sign.Seed()...), seed...)
	defer clear(secret)
	wrapped, err := wrapSecret(secret)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	return fault.Wrap(fault.Internal, op, durable.WriteFile(durable.OS, h.Key(), pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: wrapped})))
}

// Keys reads the keys; NotFound when there are none.
func (h Home) Keys() (*Keys, error) {
	const op = "home: read keys"
	damaged := fault.New(fault.Damaged, op, "%s is damaged, or was made on another machine; enroll again with a new code", h.Key())
	text, err := durable.ReadFile(durable.OS, h.Key(), 1<<16)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, op, "%s is missing; enroll again with a new code", h.Key())
	}
	if err != nil {
		return nil, fault.New(fault.Denied, op, "%s cannot be read: %v", h.Key(), err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != keyBlock {
		return nil, damaged
	}
	secret, err := openSecret(block.Bytes)
	if err != nil || len(secret) != 2*seedSize {
		return nil, damaged
	}
	defer clear(secret)
	receive, err := hpke.MLKEM768X25519().NewPrivateKey(secret[seedSize:])
	if err != nil {
		return nil, damaged
	}
	return &Keys{Sign: ed25519.NewKeyFromSeed(secret[:seedSize]), Receive: receive}, nil
}
