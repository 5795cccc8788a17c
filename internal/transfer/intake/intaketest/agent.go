package intaketest

import (
	"bytes"
	"context"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/keys"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/agents"
	"sealgate/internal/transfer/intake/sealed"
)

// Agent seals files as an agent at the customer's premises does.
type Agent struct {
	sealed.Agent
	w *World
}

// Agent adds an agent to an account.
func (w *World) Agent(account *catalog.Account) *Agent {
	w.t.Helper()
	id := uuid.Must(uuid.NewV7())
	key := sha256.Sum256(id[:])
	w.Update(func(tx *catalog.Tx) error {
		return tx.InsertAgent(&agents.Agent{
			ID: id, Account: account.ID, Name: []byte("sealed"), SignKey: key[:], ReceiveKey: key[:], May: []string{"send"}, State: agents.Active,
			CreatedAt: w.Clock.Now(), SilentAfter: 24 * time.Hour,
		})
	})
	return &Agent{Agent: sealed.Agent{Account: account.ID, ID: id, Actor: "agent:" + id.String()}, w: w}
}

// In returns the same agent with another gateway.
func (a *Agent) In(w *World) *Agent { return &Agent{a.Agent, w} }

// Sealed is a file that an agent has sealed, and what it says of it.
type Sealed struct {
	Spec   sealed.Spec
	Claim  sealed.Claim
	Object []byte
	Key    *seal.FileKey
}

// Seal seals content for the account's present keys, under a new file id. The delivery
// is that of name and content.
func (a *Agent) Seal(name string, content []byte) *Sealed {
	a.w.t.Helper()
	id := uuid.Must(uuid.NewV7())
	shareA, shareB := seal.NewShares()
	h := seal.Header{Binding: seal.Binding{File: id, Account: a.Account}}
	h.Wraps = a.wraps(shareA, shareB, h.Binding)
	s := &Sealed{Key: seal.DeriveFileKey(shareA, shareB, id)}
	var object bytes.Buffer
	trailer, err := seal.Seal(&object, bytes.NewReader(content), h, s.Key, name, a.w.Clock.Now())
	if err != nil {
		a.w.t.Fatal(err)
	}
	sum := sha256.Sum256(append([]byte(name+"\x00"), content...))
	s.Object = object.Bytes()
	s.Claim = sealed.Claim{Delivery: sum[:], Size: trailer.Size, SHA256: trailer.SHA256[:]}
	s.Spec = sealed.Spec{
		Agent: a.Agent, Foreign: custody.Foreign{ID: id, Header: s.Object[:len(h.Marshal(s.Key))]}, Name: name, Size: trailer.Size,
		Object: int64(len(s.Object)), Delivery: sum[:],
	}
	a.Grant(s)
	return s
}

// Grant makes the grant anew, for the ingest key of now.
func (a *Agent) Grant(s *Sealed) {
	a.w.t.Helper()
	key := a.IngestKey()
	var err error
	s.Spec.IngestKey = key.Fingerprint
	s.Spec.Grant, err = seal.WrapGrant(s.Key, key.Private.PublicKey(), seal.Binding{File: s.Spec.Foreign.ID, Account: a.Account})
	if err != nil {
		a.w.t.Fatal(err)
	}
}

// IngestKey returns the key that the gateway has for today.
func (a *Agent) IngestKey() *keys.IngestKey {
	a.w.t.Helper()
	day := a.w.Clock.Now().UTC().Format(time.DateOnly)
	for _, k := range a.w.Store.IngestKeys() {
		if k.Day == day {
			return k
		}
	}
	a.w.t.Fatal("there is no ingest key of today")
	return nil
}

// wraps seals the shares for all of the account's keys; none when its content is not
// kept.
func (a *Agent) wraps(shareA, shareB seal.Share, b seal.Binding) (wraps []seal.Wrap) {
	a.w.t.Helper()
	add := func(w seal.Wrap, err error) error {
		wraps = append(wraps, w)
		return err
	}
	err := a.w.Catalog.View(context.Background(), func(tx *catalog.Tx) error {
		account, err := tx.Account(a.Account)
		if err != nil || account.Content != catalog.ContentKeep {
			return err
		}
		certificates, err := tx.Certificates(a.Account)
		if err != nil {
			return err
		}
		for _, row := range certificates {
			cert, err := x509.ParseCertificate(row.DER)
			if err == nil && row.Current {
				err = add(seal.WrapForCertificate(shareA, cert, b))
			}
			if err != nil {
				return err
			}
		}
		access, err := tx.AccessKeys(a.Account)
		if err != nil {
			return err
		}
		for _, row := range access {
			public, err := hpke.MLKEM768X25519().NewPublicKey(row.Public)
			if err == nil && row.RemovedAt.IsZero() {
				err = add(seal.WrapForAccessKey(shareB, public, b))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		a.w.t.Fatal(err)
	}
	return wraps
}

// Send delivers a sealed file in parts of as many whole slots as this size has, one at
// least.
func (a *Agent) Send(s *Sealed, part int) (*catalog.File, error) {
	ctx := context.Background()
	b, err := a.w.BeginSealed(ctx, s.Spec)
	if err != nil || b.File != nil {
		return fileOf(b), err
	}
	for off := b.Offset; off < int64(len(s.Object)); {
		end := off + int64(max(1, part/seal.SealedSlot))*seal.SealedSlot
		if end >= int64(len(s.Object))-seal.TrailerSize {
			end = int64(len(s.Object))
		}
		if off, err = a.w.AppendSealed(ctx, a.Agent, b.ID, off, s.Object[off:end]); err != nil {
			return nil, err
		}
	}
	return a.w.CommitSealed(ctx, a.Agent, b.ID, s.Claim)
}

func fileOf(b *sealed.Begun) *catalog.File {
	if b == nil {
		return nil
	}
	return b.File
}

// Random is content that nobody else has.
func Random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return b
}
