// Package status is how a Connect is, for people and programs: what it waits for,
// what is wrong, in sentences, and what it did last. The running agent tells it; of
// one that is stopped, what the journal knows is told.
package status

import (
	"context"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
)

// Status is one look. Its JSON is what `connect status --json` prints.
type Status struct {
	Running  bool      `json:"running"`
	Version  string    `json:"version,omitempty"`
	Started  time.Time `json:"started_at,omitzero"`
	Gateway  string    `json:"gateway"`
	Identity string    `json:"identity"`
	Account  string    `json:"account"`
	Agent    string    `json:"agent"`
	AgentID  uuid.UUID `json:"agent_id"`

	Heard time.Time `json:"heard_at,omitzero"`       // when the gateway answered last
	Clock float64   `json:"clock_offset_s"`          // seconds that the gateway's clock is ahead
	Proxy string    `json:"proxy,omitempty"`         // the way there
	Check *Check    `json:"check,omitempty"`         // of kept files, with the access key
	Hold  *Trouble  `json:"trouble,omitempty"`       // what holds up everything
	Fetch *Trouble  `json:"fetch_trouble,omitempty"` // what holds up the outbox

	Queue   Queue    `json:"queue"`
	Folders []Folder `json:"folders"`
	Files   []File   `json:"files"`   // on their way, the oldest first
	Latest  []File   `json:"latest"`  // that came to an end
	Missing []File   `json:"missing"` // received once, known to nobody now
	Fetched []File   `json:"fetched"`
}

// Trouble is something wrong.
type Trouble struct {
	Code     string    `json:"code"`
	Sentence string    `json:"sentence"`
	Since    time.Time `json:"since,omitzero"`
	Again    time.Time `json:"again_at,omitzero"`
}

// Queue counts.
type Queue struct {
	Waiting int       `json:"waiting"`
	Failed  int       `json:"failed"`
	Lost    int       `json:"lost"`
	Oldest  time.Time `json:"oldest,omitzero"`
	Journal string    `json:"journal_trouble,omitempty"` // what is wrong with its memory
}

// Folder is a watched folder.
type Folder struct {
	Path    string    `json:"path"`
	Looked  time.Time `json:"looked_at,omitzero"`
	Trouble string    `json:"trouble,omitempty"`
}

// File is one file.
type File struct {
	Path  string        `json:"path"`
	File  uuid.UUID     `json:"file,omitzero"` // its id at the gateway
	Size  int64         `json:"size"`
	State journal.State `json:"state"`
	At    time.Time     `json:"at"`             // found, or ended
	Lies  string        `json:"lies,omitempty"` // where it was put
	Code  string        `json:"code,omitempty"`
	Why   string        `json:"why,omitempty"`
	Tries int           `json:"tries,omitempty"`
	Again time.Time     `json:"again_at,omitzero"`
}

// Fetch is what a visit to the outbox brought.
type Fetch struct {
	Files  []File `json:"files"`
	Failed []File `json:"failed"`
}

// Check is what the regular check of kept files found.
type Check struct {
	At      time.Time `json:"at"`
	Checked int       `json:"checked"`
	Failed  []string  `json:"failed"`
	Trouble string    `json:"trouble,omitempty"` // why none could be
}

const shown = 50 // files of each list

// Of fills what the enrolment and the journal know.
func Of(ctx context.Context, e home.Enrolment, identity string, j *journal.Journal) (*Status, error) {
	s := &Status{
		Gateway: e.Gateway, Identity: identity, Account: e.Name, Agent: e.Label, AgentID: e.Agent,
		Folders: []Folder{}, Files: []File{}, Latest: []File{}, Missing: []File{}, Fetched: []File{},
	}
	f, err := j.Figures(ctx)
	if err != nil {
		return nil, err
	}
	s.Queue = Queue{Waiting: f.Waiting, Failed: f.Failed, Lost: f.Lost, Oldest: f.Oldest}
	for _, list := range []struct {
		into *[]File
		get  func() ([]*journal.Delivery, error)
	}{
		{&s.Files, func() ([]*journal.Delivery, error) { return j.Open(ctx, 0, shown) }},
		{&s.Latest, func() ([]*journal.Delivery, error) { return j.Latest(ctx, shown) }},
		{&s.Missing, func() ([]*journal.Delivery, error) { return j.Missing(ctx, shown) }},
	} {
		all, err := list.get()
		if err != nil {
			return nil, err
		}
		for _, d := range all {
			*list.into = append(*list.into, FileOf(d))
		}
	}
	fetched, err := j.LatestFetched(ctx, shown)
	if err != nil {
		return nil, err
	}
	for _, f := range fetched {
		state := journal.Done
		if !f.Acknowledged {
			state = journal.Received
		}
		s.Fetched = append(s.Fetched, File{Path: f.Path, File: f.File, State: state, At: f.At})
	}
	return s, nil
}

// FileOf is one delivery.
func FileOf(d *journal.Delivery) File {
	f := File{Path: d.Path, File: d.File, Size: d.Size, State: d.State, At: d.Found, Code: d.Code, Why: d.Sentence, Tries: d.Tries, Again: d.Again}
	if d.Parked() {
		f.Again = time.Time{}
	}
	if !d.Done.IsZero() {
		f.At, f.Lies = d.Done, d.At
		if d.After == string(home.Delete) {
			f.Lies = ""
		}
	}
	return f
}
