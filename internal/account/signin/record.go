package signin

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

const (
	recordsWaiting = 1024
	recordsEvery   = 200 * time.Millisecond
	recordsAtOnce  = 256

	// A login that signs in all the time is put on record once a minute, with
	// how often it did; its known sources once a day.
	signInEvery = time.Minute
	sourceEvery = 24 * time.Hour
	sweepEvery  = time.Hour
)

// The actions of records.
const (
	signedIn = "login.signed-in"
	halfWay  = "login.half-way" // a second factor is asked for next
	refused  = "login.refused"
)

// record is a decision about a login that is to be written down.
type record struct {
	login, account uuid.UUID
	action         string // empty: there is only something to give back
	method         string
	door           Door
	known          bool
	at             time.Time
	sources        [][]byte // the MACs of a network and a device to remember
	back           []budget // to give back
}

// entry is the record as the audit log has it.
func (r *record) entry() audit.Entry {
	detail := map[string]string{"method": r.method, "door": string(r.door), "source": "unknown"}
	if r.known {
		detail["source"] = "known"
	}
	return audit.Entry{Time: r.at, Account: r.account, Actor: r.login.String(), Action: r.action, Object: r.login.String(), Detail: detail}
}

// often is what signInEvery counts by.
type often struct {
	login  uuid.UUID
	action string
	method string
	door   Door
}

// scribe writes records; it belongs to Run.
type scribe struct {
	s    *Service
	last map[often]time.Time
	left map[often]int // sign-ins since then
}

func (s *Service) succeeded(ctx context.Context, a Attempt, f *found, method string, back []budget) {
	r := record{
		login: f.login.ID, account: f.account.ID, action: signedIn, method: method,
		door: a.Door, known: f.known, at: s.now(), back: back,
	}
	if a.Door == Portal {
		r.action = "" // it has not signed in yet: there may be more to show
	} else if r.at.Sub(f.seen) > sourceEvery {
		r.sources = append(r.sources, s.sourceMAC(a.Source))
	}
	s.note(ctx, r)
}

// failed notes a wrong password of a login that exists. Others are counted.
func (s *Service) failed(ctx context.Context, a Attempt, f *found) {
	if f.login == nil {
		return
	}
	s.note(ctx, record{
		login: f.login.ID, account: f.account.ID, action: refused, method: "password",
		door: a.Door, known: f.known, at: s.now(),
	})
}

// note hands a record to Run, or writes it when Run cannot keep up.
func (s *Service) note(ctx context.Context, r record) {
	select {
	case s.records <- r:
		return
	default:
	}
	if err := (&scribe{s: s}).write(ctx, []record{r}); err != nil {
		s.log.Error("a sign-in could not be put on record", "login", r.login, "error", err)
	}
}

// Run writes records and forgets old sources and budgets until ctx ends. What
// was noted before that is written.
func (s *Service) Run(ctx context.Context) error {
	w := &scribe{s: s, last: make(map[often]time.Time), left: make(map[often]int)}
	flush := time.NewTicker(recordsEvery)
	defer flush.Stop()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			w.flush(ctx)
			return nil
		case <-flush.C:
			w.flush(ctx)
		case <-sweep.C:
			if err := s.Sweep(ctx); err != nil {
				s.log.Error("old sign-in budgets could not be removed", "error", err)
			}
			w.forget()
		}
	}
}

// Flush writes what was noted. Run does so by itself.
func (s *Service) Flush(ctx context.Context) { (&scribe{s: s}).flush(ctx) }

// flush writes all records that wait, many in a transaction.
func (w *scribe) flush(ctx context.Context) {
	for {
		var batch []record
		for len(batch) < recordsAtOnce {
			select {
			case r := <-w.s.records:
				batch = append(batch, r)
				continue
			default:
			}
			break
		}
		if len(batch) == 0 {
			return
		}
		if err := w.write(ctx, batch); err != nil {
			w.s.log.Error("sign-ins could not be put on record", "count", len(batch), "error", err)
			return
		}
	}
}

// write writes records even when ctx has ended, with the gateway or with the connection
// of who signs in: a record that was taken and not written would be lost.
func (w *scribe) write(ctx context.Context, batch []record) error {
	return w.s.catalog.Update(context.WithoutCancel(ctx), func(tx *catalog.Tx) error {
		for i := range batch {
			if err := w.one(tx, &batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *scribe) one(tx *catalog.Tx, r *record) error {
	if _, err := tx.Login(r.login); err != nil {
		if fault.Is(err, fault.NotFound) { // removed in the meantime
			return nil
		}
		return err
	}
	for _, source := range r.sources {
		if err := tx.PutSource(&logins.Source{Login: r.login, PrefixMAC: source, LastSuccess: r.at}); err != nil {
			return err
		}
	}
	if err := giveBack(tx, r.back, r.at); err != nil || r.action == "" {
		return err
	}
	entry := r.entry()
	if r.action != refused {
		times, due := w.due(r)
		if !due {
			return nil
		}
		entry.Detail["times"] = strconv.Itoa(times)
	}
	if r.action == signedIn {
		if err := tx.TouchLogin(r.login, r.at); err != nil {
			return err
		}
	}
	return tx.Audit(entry)
}

// due reports whether a record is to be written now, and for how many.
func (w *scribe) due(r *record) (times int, due bool) {
	if w.last == nil {
		return 1, true
	}
	k := often{r.login, r.action, r.method, r.door}
	w.left[k]++
	if last, ok := w.last[k]; ok && r.at.Sub(last) < signInEvery {
		return 0, false
	}
	times = w.left[k]
	w.last[k], w.left[k] = r.at, 0
	return times, true
}

// forget drops counters of logins that have been quiet.
func (w *scribe) forget() {
	for k, at := range w.last {
		if w.s.now().Sub(at) > sweepEvery && w.left[k] == 0 {
			delete(w.last, k)
			delete(w.left, k)
		}
	}
}

// showExpired is how long a token that is over is still listed, for who wonders why
// his program is not let in.
const showExpired = 30 * 24 * time.Hour

// Sweep removes sources that are not known any more, budgets that are full and tokens
// that have been over for long.
// Run does so by itself.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.now()
	return s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.DeleteSources(now.Add(-knownFor)); err != nil {
			return err
		}
		if err := tx.SweepTokens(now.Add(-showExpired)); err != nil {
			return err
		}
		return tx.DeleteThrottles(now.Add(-forgetBudgets))
	})
}
