package schedule

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// Pauses after visits that failed: 30 s, 1 min, 2 min ... up to half an hour, each a
// fifth shorter or longer by chance, so that what failed together does not come back
// together.
const (
	FirstPause = 30 * time.Second
	LongPause  = 30 * time.Minute
)

// Pause is how long to wait after so many visits that failed in a row.
func Pause(failures int64) time.Duration {
	d := LongPause
	if failures < 7 {
		d = min(LongPause, FirstPause<<max(0, failures-1))
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	part := time.Duration(binary.BigEndian.Uint32(b[:]) % 401)
	return d * (800 + part) / 1000
}
