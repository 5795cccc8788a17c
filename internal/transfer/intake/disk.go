package intake

import (
	"sync/atomic"

	"sealgate/internal/fault"
)

// Space tells how much room the data directory has, in bytes.
type Space func() (free, total int64, err error)

// disk is the room that all arrivals share. It refuses while the disk is nearly full,
// so that the catalog can still be written and what is under way can end (R8).
type disk struct {
	space  Space        // nil = no check
	unseen atomic.Int64 // bytes that were taken since somebody looked
	flying atomic.Int64 // of them, bytes that are being written
}

// room looks whether so much of the reserve is free, besides what is being written.
// What is under way is asked for less than what is new: else one long upload could fill
// the disk to the last byte.
func (d *disk) room(wanted, flying int64) error {
	if d.space == nil {
		return nil
	}
	free, total, err := d.space()
	if err != nil {
		return fault.Wrap(fault.Internal, "intake: free space", err)
	}
	if free-flying < min(total/20, reserve)*wanted/reserve {
		return fault.New(fault.Full, "intake: room", "the gateway's disk is full; nothing was taken, try again later")
	}
	return nil
}

// take takes room for n bytes of an arrival that is under way; done is called when they
// are written, or are not going to be. However many write at a time, they get past the
// reserve by less than a step: each look counts what the others are about to write.
func (d *disk) take(n int64) (done func(), err error) {
	flying := d.flying.Add(n)
	done = func() { d.flying.Add(-n) }
	if d.unseen.Add(n) < writebackStep {
		return done, nil
	}
	if err := d.room(reserveRunning, flying); err != nil { // the next one looks, too
		done()
		return nil, err
	}
	d.unseen.Store(0)
	return done, nil
}
