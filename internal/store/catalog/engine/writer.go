package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"

	"sealgate/internal/fault"
)

// maxGroup bounds how many calls share a transaction, and with it how long one
// caller can wait for the others' work.
const maxGroup = 512

// A call is one Update on its way through the writer.
type call struct {
	fn   func(*Tx) error
	done chan error // buffered; at most one answer
}

// panicked is the answer to a call whose function panicked.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v\n\n%s", p.value, p.stack) }

// Update runs fn in a transaction and returns nil only after it is durable.
//
// Calls that come while a commit is under way share the next one. fn runs
// exactly once, in the writer's goroutine, with the whole database to itself:
// what it reads cannot change before it writes. When fn returns an error all
// its changes, and only those, are undone. A panic in fn is raised again in
// the caller's goroutine. fn must be quick, must not keep tx, and must call
// neither Update nor View. When ctx ends before fn's turn, fn never runs;
// after that Update waits for the outcome, whatever ctx says.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	const op = "database: update"
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.TryLater, op, err)
	}
	k := &call{fn: fn, done: make(chan error, 1)}
	select {
	case db.calls <- k: // unbuffered: from here on the writer has it
	case <-ctx.Done():
		return fault.Wrap(fault.TryLater, op, ctx.Err())
	case <-db.writerGone:
		return db.gone(op)
	}
	var err error
	select {
	case err = <-k.done:
	case <-db.writerGone:
		select {
		case err = <-k.done:
		default:
			return db.gone(op)
		}
	}
	var p *panicked
	if errors.As(err, &p) {
		panic(p)
	}
	return err
}

// write is the writer's goroutine. It owns db.writer.
func (db *DB) write() {
	defer close(db.writerGone)
	orderly := false
	defer func() {
		if !orderly { // a function ended the goroutine itself, as t.Fatal does
			db.fail(errors.New("an update ended the writer's goroutine"))
		}
	}()
	for {
		select {
		case k := <-db.calls:
			for group := db.gather(k); len(group) > 0; {
				group = group[db.writeGroup(group):]
			}
		case k := <-db.logCalls:
			db.serveLog(k)
		case <-db.stop:
			orderly = true
			return
		}
	}
}

// gather takes every call that queued up meanwhile. It lets the callers whom
// the last commit woke come back first: without that every second group would
// be one lonely call.
func (db *DB) gather(first *call) []*call {
	runtime.Gosched()
	group := append(make([]*call, 0, 16), first)
	for len(group) < maxGroup {
		select {
		case k := <-db.calls:
			group = append(group, k)
		default:
			return group
		}
	}
	return group
}

// writeGroup runs the group's functions in one transaction, each in a
// savepoint of its own, commits, and answers. It returns how many of them it
// has dealt with: fewer than all when the database gave up the transaction in
// the middle; then those that ran have failed, and nothing of them is stored.
func (db *DB) writeGroup(group []*call) int {
	if err := db.failure("database: update"); err != nil {
		return answer(group, err)
	}
	if err := db.writer.control(beginWrite); err != nil {
		return answer(group, fault.Wrap(KindOf(err), "database: begin", err))
	}
	if len(group) == 1 {
		return db.writeAlone(group)
	}
	var passed []*call
	for i, k := range group {
		tx := &Tx{ctx: context.Background(), s: db.writer, writes: true}
		err := tx.run(k.fn)
		if tx.broken != nil {
			_ = db.writer.control("ROLLBACK") // fails when the database has done it already
			answer(append(passed, k), tx.broken)
			return i + 1
		}
		tx.broken = errTxEnded // for a function that kept it
		if err != nil {
			k.done <- err
			continue
		}
		passed = append(passed, k)
	}
	answer(passed, db.commit())
	return len(group)
}

// writeAlone is writeGroup for one call. Nobody else's changes are in the
// transaction, so its end undoes what a savepoint would, and SQLite need not
// keep copies of the pages it changes.
func (db *DB) writeAlone(group []*call) int {
	tx := &Tx{ctx: context.Background(), s: db.writer, writes: true}
	err := tx.protect(group[0].fn)
	if tx.broken != nil {
		err = tx.broken
	}
	tx.broken = errTxEnded
	if err != nil {
		_ = db.writer.control("ROLLBACK") // fails when the database has done it already
		return answer(group, err)
	}
	return answer(group, db.commit())
}

func answer(calls []*call, err error) int {
	for _, k := range calls {
		k.done <- err
	}
	return len(calls)
}

// run runs fn in a savepoint. After it, either fn's changes are part of the
// transaction (nil), or they are undone (an error), or the transaction as a
// whole is lost (tx.broken).
func (tx *Tx) run(fn func(*Tx) error) error {
	if err := tx.s.control("SAVEPOINT update_call"); err != nil {
		return tx.lost(err)
	}
	err := tx.protect(fn)
	if tx.broken != nil {
		return tx.broken
	}
	if err != nil {
		if e := tx.s.control("ROLLBACK TO update_call"); e != nil {
			return tx.lost(e)
		}
	}
	if e := tx.s.control("RELEASE update_call"); e != nil {
		return tx.lost(e)
	}
	return err
}

func (tx *Tx) lost(err error) error {
	tx.broken = fault.Wrap(KindOf(err), "database: savepoint", err)
	return tx.broken
}

// protect turns a panic of fn into an error that Update raises again.
func (tx *Tx) protect(fn func(*Tx) error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{value: v, stack: debug.Stack()}
		}
	}()
	return fn(tx)
}

// commit makes the transaction durable. No room, or a lock that somebody else
// holds, undoes it and is over with that. After any other failure nobody knows
// what the disk holds: a later commit could succeed on top of one that was
// reported as failed. So the database stops for good, and opening it again
// finds out.
func (db *DB) commit() error {
	const op = "database: commit"
	err := db.onCommit(func() error { return db.writer.control("COMMIT") })
	if err == nil {
		return nil
	}
	_ = db.writer.control("ROLLBACK") // fails when the database has done it already
	switch kind := KindOf(err); kind {
	case fault.Full, fault.TryLater:
		return fault.Wrap(kind, op, err)
	}
	db.fail(err)
	return db.failure(op)
}

// fail stops the database for good.
func (db *DB) fail(cause error) {
	if db.failCause.CompareAndSwap(nil, &cause) {
		close(db.failed)
	}
}

// failure returns the error of a database that has stopped for good.
func (db *DB) failure(op string) error {
	if cause := db.failCause.Load(); cause != nil {
		return fault.Wrap(fault.Internal, op, fmt.Errorf("the database has stopped after: %w", *cause))
	}
	return nil
}

// gone is the answer when there is no writer any more.
func (db *DB) gone(op string) error {
	if err := db.failure(op); err != nil {
		return err
	}
	return fault.New(fault.TryLater, op, "the gateway is stopping")
}
