// Package live knows which arrivals somebody works on in this process, by id and
// by name: an object has one writer (R4). It also remembers how long the ones
// that were cut are, so that a listing need not read them.
package live

import (
	"sync"

	"github.com/google/uuid"
)

// Registry knows the arrivals that are open in this process, and how long the
// ones that were cut in this process's life are, so that a listing need not
// read them.
type Registry[A Arrival] struct {
	mu       sync.Mutex // guards the fields below
	byID     map[uuid.UUID]A
	byName   map[Name]A
	cut      map[uuid.UUID]int64    // durable length of unfinished arrivals
	resuming map[uuid.UUID]struct{} // unfinished arrivals that somebody is reopening
}

// Arrival is what the registry holds: the zero value stands for none.
type Arrival interface {
	comparable
	Durable() int64 // the length that a client may resume from
}

// Name is what an arrival is sent under: the names of one login are apart from
// those of another.
type Name struct {
	Login uuid.UUID
	Path  string
}

// New returns an empty registry.
func New[A Arrival]() *Registry[A] {
	return &Registry[A]{
		byID: make(map[uuid.UUID]A), byName: make(map[Name]A), cut: make(map[uuid.UUID]int64),
		resuming: make(map[uuid.UUID]struct{}),
	}
}

// Add puts an open arrival on the register.
func (r *Registry[A]) Add(id uuid.UUID, name Name, a A) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID[id] = a
	r.byName[name] = a
	delete(r.cut, id)
}

// Remove takes it off; another arrival that has its name by now stays.
func (r *Registry[A]) Remove(id uuid.UUID, name Name, a A) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, id)
	if r.byName[name] == a {
		delete(r.byName, name)
	}
}

// Named returns the open arrival of that name.
func (r *Registry[A]) Named(name Name) A {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byName[name]
}

// Open returns the open arrival with that id.
func (r *Registry[A]) Open(id uuid.UUID) A {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.byID[id]
}

// open is Open for who holds mu and asks whether there is one.
func (r *Registry[A]) open(id uuid.UUID) bool {
	_, ok := r.byID[id]
	return ok
}

// Claim takes an unfinished arrival for reopening. It is false while somebody
// else has it: an object has one writer (R4).
func (r *Registry[A]) Claim(id uuid.UUID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, taken := r.resuming[id]
	if taken || r.open(id) {
		return false
	}
	r.resuming[id] = struct{}{}
	return true
}

// Unclaim ends Claim; an arrival that was added meanwhile holds on.
func (r *Registry[A]) Unclaim(id uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.resuming, id)
}

// Busy reports whether somebody works on the arrival.
func (r *Registry[A]) Busy(id uuid.UUID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, taken := r.resuming[id]
	return taken || r.open(id)
}

// Suspended remembers the durable length of an arrival that was cut.
func (r *Registry[A]) Suspended(id uuid.UUID, length int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut[id] = length
}

// Length returns the durable length of an unfinished arrival, when this
// process knows it.
func (r *Registry[A]) Length(id uuid.UUID) (int64, bool) {
	r.mu.Lock()
	a := r.byID[id]
	n, ok := r.cut[id]
	r.mu.Unlock()
	if a != *new(A) {
		return a.Durable(), true
	}
	return n, ok
}

// Forget forgets the length of an arrival that is cut no more.
func (r *Registry[A]) Forget(id uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.cut, id)
}
