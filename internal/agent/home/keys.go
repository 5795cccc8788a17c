package home

import (
	"encoding/pem"
	"errors"
	"io/fs"

	"sealgate/internal/connect"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

const keyBlock = "SEALGATE AGENT KEY" // the bytes of connect.AgentKeys; on Windows under DPAPI

// SetKeys writes the agent's keys, readable by their owner only.
func (h Home) SetKeys(k *connect.AgentKeys) error {
	const op = "home: write keys"
	secret, err := k.Bytes()
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	defer clear(secret)
	wrapped, err := wrapSecret(secret)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	return fault.Wrap(fault.Internal, op, durable.WriteFile(durable.OS, h.Key(), pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: wrapped})))
}

// Keys reads the agent's keys; NotFound when there are none.
func (h Home) Keys() (*connect.AgentKeys, error) {
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
	if err != nil {
		return nil, damaged
	}
	defer clear(secret)
	k, err := connect.AgentKeysFromBytes(secret)
	if err != nil {
		return nil, damaged
	}
	return k, nil
}
