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

// SetPending writes the keys of an enrolment that begins, readable by their owner
// only. Those of the enrolment before stay until Settle.
func (h Home) SetPending(k *connect.AgentKeys) error {
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
	return fault.Wrap(fault.Internal, op, durable.WriteFile(durable.OS, h.pending(), pem.EncodeToMemory(&pem.Block{Type: keyBlock, Bytes: wrapped})))
}

func (h Home) pending() string { return h.Key() + ".pending" }

// Pending reads the keys of an enrolment that was begun; NotFound when there is none.
func (h Home) Pending() (*connect.AgentKeys, error) { return readKeys(h.pending()) }

// Settle makes the pending keys the agent's, once the enrolment that they were made
// for is on the disk.
func (h Home) Settle() error {
	err := durable.OS.Rename(h.pending(), h.Key())
	if err == nil {
		err = durable.OS.SyncDir(string(h))
	}
	return fault.Wrap(fault.Internal, "home: settle", err)
}

// Keys reads the keys of this enrolment; NotFound when there are none. A crash may
// have come before Settle: then it is done now.
func (h Home) Keys(e Enrolment) (*connect.AgentKeys, error) {
	if k, err := h.Pending(); err == nil && e.SignKey.Equal(k.Sign.Public()) {
		return k, h.Settle()
	}
	k, err := readKeys(h.Key())
	if err == nil && !e.SignKey.Equal(k.Sign.Public()) {
		return nil, fault.New(fault.Damaged, "home: read keys", "%s is not the key that this Connect was enrolled with; enroll again with a new code", h.Key())
	}
	return k, err
}

func readKeys(name string) (*connect.AgentKeys, error) {
	const op = "home: read keys"
	damaged := fault.New(fault.Damaged, op, "%s is damaged, or was made on another machine; enroll again with a new code", name)
	text, err := durable.ReadFile(durable.OS, name, 1<<16)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, op, "%s is missing; enroll again with a new code", name)
	}
	if err != nil {
		return nil, fault.New(fault.Denied, op, "%s cannot be read: %v", name, err)
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
