// Package overview holds the operations that tell at a glance how things stand: of an
// account for its own people, of the whole gateway for who runs it. What needs
// somebody comes first, in one order of urgency for all.
//
// An answer takes some milliseconds, whatever has piled up. The days of the chart that
// are over are counted anew only after some minutes: what changes in them is a file
// that was held and is released.
package overview

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/custody"
	"sealgate/internal/portal"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/approvals"
	"sealgate/internal/store/catalog/figures"
)

// Services are the parts that the operations speak for.
type Services struct {
	Accounts *account.Service
	Catalog  *catalog.Catalog
	Custody  *custody.Custodian
	Now      func() time.Time
	Room     func() (free, total int64, err error)
	Version  string
}

// office is the handlers over the services.
type office struct {
	Services
	began time.Time

	mu   sync.Mutex
	past map[uuid.UUID]past
}

// past is the days of an account that are over.
type past struct {
	days    []figures.Day
	counted time.Time
}

const (
	days       = 30
	day        = 24 * time.Hour
	pastFor    = 10 * time.Minute
	maxPast    = 1000      // accounts whose days are remembered
	unfinished = 2         // days that are counted each time: today, and yesterday
	tooFull    = 0.1       // of the disk left
	tooLate    = time.Hour // that a job waits
)

// Register adds the operations.
func Register(r *operation.Router, s Services) {
	o := &office{Services: s, began: s.Now(), past: map[uuid.UUID]past{}}
	operation.Register(r, http.MethodGet, "/accounts/{name}/overview", "account-overview", "An account at a glance", o.account)
	operation.Register(r, http.MethodGet, "/overview", "gateway-overview", "The gateway at a glance", o.gateway)
	operation.Register(r, http.MethodGet, "/queues", "list-queues", "The work that waits or is being done, by kind", o.queues)
	operation.Register(r, http.MethodGet, "/queues/{kind}/jobs", "list-jobs", "The work of a kind that failed and waits for its next attempt, oldest first; 200 at most", o.jobs)
	operation.Register(r, http.MethodPost, "/queues/{kind}/retry", "retry-queue", "Try that again now", o.retry)
}

func (o *office) account(ctx context.Context, in *struct {
	operation.ByName
	InLanguage
},
) (*operation.Out[portal.Overview], error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	list, standing, err := o.counts(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	warnings, err := o.Custody.AccountWarnings(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	attention, err := o.asked(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	attention = append(attention, attentionTo(standing)...)
	for _, w := range warnings {
		attention = append(attention, portal.Attention{Code: w.Code, Severity: severityOf(w.Code), Object: w.Object, At: portal.Moment(w.At), Message: w.Message})
	}
	if attention, err = o.withAlarms(ctx, attention, acct.ID, in.Language); err != nil {
		return nil, err
	}
	return operation.Answer(portal.Overview{Days: list, Attention: attention, Standing: standingOf(standing)}), nil
}

// asked is what operators want to be let in to and nobody has answered yet.
func (o *office) asked(ctx context.Context, account uuid.UUID) (list []portal.Attention, err error) {
	list = []portal.Attention{}
	err = o.Catalog.View(ctx, func(tx *catalog.Tx) error {
		live, err := tx.LiveApprovalsOf(account)
		for _, a := range live {
			if a.State == approvals.Asked && o.Now().Before(a.Until) {
				list = append(list, portal.Attention{
					Code: asksFirst, Severity: "warning", Object: a.ID.String(), Since: portal.Moment(a.AskedAt), At: portal.Moment(a.Until),
					Message: "an operator asks to see what the account's files hold",
				})
			}
		}
		return err
	})
	return list, err
}

// counts are an account's days, or those of all (uuid.Nil), and the files that stand
// in it.
func (o *office) counts(ctx context.Context, account uuid.UUID) ([]portal.Day, []figures.Standing, error) {
	now := o.Now().UTC()
	today := now.Truncate(day)
	first, recent := today.Add(-(days-1)*day), today.Add(-(unfinished-1)*day)
	o.mu.Lock()
	known, ok := o.past[account]
	o.mu.Unlock()
	ok = ok && known.days[0].Day.Equal(first) && now.Sub(known.counted).Abs() < pastFor
	var fresh []figures.Day
	var standing []figures.Standing
	err := o.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if !ok {
			if known.days, err = tx.Arrivals(account, first, recent.Add(-1)); err != nil {
				return err
			}
			known.counted = now
		}
		if fresh, err = tx.Arrivals(account, recent, now); err != nil {
			return err
		}
		standing, err = tx.Standing(account)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if !ok {
		o.remember(account, known)
	}
	list := make([]portal.Day, 0, days)
	for _, d := range append(slices.Clone(known.days), fresh...) {
		list = append(list, portal.Day{Day: d.Day.Format(time.DateOnly), Files: d.Files, Bytes: d.Bytes, Payments: d.Payments, Problems: d.Problems})
	}
	return list, standing, nil
}

func (o *office) remember(account uuid.UUID, p past) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.past) >= maxPast {
		clear(o.past)
	}
	o.past[account] = p
}

func standingOf(all []figures.Standing) []portal.Standing {
	list := make([]portal.Standing, 0, len(all))
	for _, s := range all {
		list = append(list, portal.Standing{State: s.State, Reason: s.Reason, Files: s.Files, Oldest: portal.Moment(s.Oldest)})
	}
	return list
}

// calls are the states that need somebody, and how that is said of one file and of
// more.
var calls = map[figures.Standing]struct{ code, severity, one, more string }{
	{State: "held"}:    {"files-held", "error", "1 file is held until somebody decides", "%d files are held until somebody decides"},
	{State: "refused"}: {"files-refused", "error", "1 file could not be read and was refused", "%d files could not be read and were refused"},
	{State: "waiting-rename", Reason: "not-renamed"}: {"files-not-renamed", "warning", "1 file has its temporary name for more than a day", "%d files have their temporary names for more than a day"},
	{State: "locked"}:  {"files-locked", "warning", "1 file waits for a key", "%d files wait for a key"},
	{State: "waiting"}: {"outbox-waiting", "info", "1 file waits in the outbox", "%d files wait in the outbox"},
}

func attentionTo(standing []figures.Standing) []portal.Attention {
	list := []portal.Attention{}
	for _, s := range standing {
		call, ok := calls[figures.Standing{State: s.State, Reason: s.Reason}]
		if !ok {
			continue
		}
		text := call.one
		if s.Files != 1 {
			text = fmt.Sprintf(call.more, s.Files)
		}
		list = append(list, portal.Attention{Code: call.code, Severity: call.severity, Count: s.Files, Since: portal.Moment(s.Oldest), Message: text})
	}
	return list
}

// severityOf grades the warnings about an account's keys.
func severityOf(code string) string {
	switch code {
	case "closed", "key-missing", "no-access-key", "certificate-expired", "data-older-than-keys":
		return "error"
	}
	return "warning"
}

var urgency = map[string]int{"error": 0, "warning": 1, "info": 2}

// asksFirst is before all else: somebody waits for a yes or a no.
const asksFirst = "access-asked"

func urgentFirst(list []portal.Attention) {
	rank := func(a portal.Attention) int {
		if a.Code == asksFirst {
			return -1
		}
		return urgency[a.Severity]
	}
	slices.SortStableFunc(list, func(a, b portal.Attention) int { return cmp.Compare(rank(a), rank(b)) })
}
