package signin

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Parameters of Argon2id (RFC 9106): 19 MiB, two passes, one lane.
const (
	hashMemory  = 19 << 10
	hashTime    = 2
	hashThreads = 1
	hashSize    = 32
	saltSize    = 16

	maxHashMemory = 1 << 20 // of a stored hash, in KiB; more is damage
	maxHashTime   = 16
)

// Hash returns the Argon2id hash of a password with its parameters, in PHC
// string format. The pepper goes in first: without the key store a hash cannot
// be tried against anything. It waits its turn as sign-ins do: whoever may choose a
// password does not take the memory of the whole gateway.
func (s *Service) Hash(ctx context.Context, password []byte) (string, error) {
	if err := s.hashing.enter(ctx, true); err != nil {
		return "", err
	}
	defer s.hashing.leave()
	salt := make([]byte, saltSize)
	_, _ = rand.Read(salt) // never fails
	sum := s.derive(s.peppered(password), salt, hashTime, hashMemory, hashThreads, hashSize)
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads,
		enc.EncodeToString(salt), enc.EncodeToString(sum)), nil
}

func (s *Service) peppered(password []byte) []byte {
	h := hmac.New(sha256.New, s.pepper)
	h.Write(norm.NFC.Bytes(password))
	return h.Sum(nil)
}

// matches computes the hash of a password as a stored one was computed. For a
// stored hash that is empty or damaged it does the same work and answers no.
func (s *Service) matches(stored string, password []byte) bool {
	p, ok := parseHash(stored)
	if !ok {
		p = phc{memory: hashMemory, time: hashTime, threads: hashThreads, salt: make([]byte, saltSize), sum: make([]byte, hashSize)}
	}
	sum := s.derive(s.peppered(password), p.salt, p.time, p.memory, p.threads, uint32(len(p.sum)))
	return subtle.ConstantTimeCompare(sum, p.sum) == 1 && ok
}

// phc is a parsed hash.
type phc struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

func parseHash(text string) (p phc, ok bool) {
	f := strings.Split(text, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return phc{}, false
	}
	if n, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); n != 3 || err != nil {
		return phc{}, false
	}
	enc := base64.RawStdEncoding.Strict()
	var err1, err2 error
	p.salt, err1 = enc.DecodeString(f[4])
	p.sum, err2 = enc.DecodeString(f[5])
	switch {
	case err1 != nil, err2 != nil, len(p.salt) < 8, len(p.sum) < 16, len(p.sum) > 64:
		return phc{}, false
	case p.memory < 8, p.memory > maxHashMemory, p.time < 1, p.time > maxHashTime, p.threads < 1, p.threads > 16:
		return phc{}, false
	}
	return p, true
}
