package signin

import (
	"crypto/hmac"
	"crypto/rand"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	cacheFor  = 15 * time.Minute
	cacheSize = 10_000
)

// cache remembers for a while which generated passwords were right, so that a
// robot that signs in every few seconds does not cost an Argon2id each time. A
// generated password has 198 bits: nobody can try them all against a quick
// MAC. What people choose is never kept here.
//
// An entry holds the MAC of the password under a key that lives as long as the
// process, and the stored hash that it matched: when that changes, the entry is
// dead, whoever changed it.
type cache struct {
	now func() time.Time
	key []byte

	mu      sync.Mutex
	entries map[uuid.UUID]cached
}

type cached struct {
	mac   []byte
	hash  string
	until time.Time
}

func newCache(now func() time.Time) *cache {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return &cache{now: now, key: key, entries: make(map[uuid.UUID]cached)}
}

func (c *cache) holds(login uuid.UUID, hash string, password []byte) bool {
	c.mu.Lock()
	e, ok := c.entries[login]
	if ok && (e.hash != hash || c.now().After(e.until)) {
		delete(c.entries, login)
		ok = false
	}
	c.mu.Unlock()
	return ok && hmac.Equal(e.mac, mac(c.key, "verified", login[:], password))
}

func (c *cache) put(login uuid.UUID, hash string, password []byte) {
	e := cached{mac(c.key, "verified", login[:], password), hash, c.now().Add(cacheFor)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= cacheSize {
		for id := range c.entries { // any; it only costs a hash
			delete(c.entries, id)
			break
		}
	}
	c.entries[login] = e
}

func (c *cache) drop(login uuid.UUID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, login)
}

// Forget drops what is remembered of a login's password, because the login was
// changed.
func (s *Service) Forget(login uuid.UUID) { s.verified.drop(login) }
