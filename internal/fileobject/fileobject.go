// Package fileobject is the file object: what people, scripts and answers in
// the outbox see of a file. Its JSON names are a stable interface
// (docs/api.md).
//
// Names, sums and findings are sealed under the account's record key. When that
// was destroyed, is not here, or does not open one of them, the object says null
// there and all else that it can: one row never spoils a list.
package fileobject

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/store/catalog"
)

// Object describes one file. Times are RFC 3339 UTC; null = not yet.
type Object struct {
	ID        string     `json:"id"`
	Account   string     `json:"account"`
	Name      *string    `json:"name"` // null: nobody can read it any more
	Source    string     `json:"source"`
	Reason    *string    `json:"reason"`
	Direction string     `json:"direction"`
	State     string     `json:"state"`
	Size      int64      `json:"size"`
	SHA256    *string    `json:"sha256"`
	Received  *time.Time `json:"received_at"`
	Indexed   *time.Time `json:"indexed_at"`
	Resumed   bool       `json:"resumed,omitempty"`
	Contents
}

// Contents is what the indexer found; empty until then.
type Contents struct {
	Format       *string           `json:"format"`
	Variant      *string           `json:"variant"`
	MessageIDs   []string          `json:"message_ids"`
	BatchCount   int64             `json:"batch_count"`
	PaymentCount int64             `json:"payment_count"`
	Sums         []payment.Sum     `json:"sums"`
	Dates        *payment.Dates    `json:"execution_dates"`
	Findings     []payment.Finding `json:"findings"`
}

// Unreadable is what people see in place of a name that nobody can read.
const Unreadable = "(unreadable)"

// Shown returns the name for people.
func (o Object) Shown() string {
	if o.Name == nil {
		return Unreadable
	}
	return *o.Name
}

// Of opens what is sealed in the row with the account's records, which may be nil.
func Of(rec *custody.Records, account string, f *catalog.File) Object {
	o := Object{
		ID: f.ID.String(), Account: account, Source: f.Source, Direction: string(f.Direction),
		State: string(f.State), Size: f.Content.Size, Resumed: f.Delivery.Resumed,
		Received: moment(f.ReceivedAt), Indexed: moment(f.IndexedAt), Contents: outline(f),
	}
	if f.Reason != "" {
		o.Reason = &f.Reason
	}
	if rec == nil {
		return o
	}
	if name, ok := Name(rec, f.ID, f.Name); ok {
		o.Name = &name
	}
	if sum, err := rec.Open("file", "sha256", f.ID, f.Content.SHA256); err == nil && len(f.Content.SHA256) > 0 {
		text := hex.EncodeToString(sum)
		o.SHA256 = &text
	}
	if len(f.Result.Summary) > 0 {
		if s, err := Summary(rec, f); err == nil {
			o.Contents = contents(s)
		}
	}
	return o
}

// outline is what the row says of the contents without any key.
func outline(f *catalog.File) Contents {
	c := Contents{
		BatchCount: f.Result.BatchCount, PaymentCount: f.Result.PaymentCount,
		MessageIDs: []string{}, Sums: []payment.Sum{}, Findings: []payment.Finding{},
	}
	if f.Result.Format != "" {
		c.Format = &f.Result.Format
	}
	if f.Result.Variant != "" {
		c.Variant = &f.Result.Variant
	}
	return c
}

func contents(s payment.Summary) Contents {
	return Contents{
		Format: s.Format, Variant: s.Variant, MessageIDs: s.MessageIDs, BatchCount: s.BatchCount,
		PaymentCount: s.PaymentCount, Sums: s.Sums, Dates: s.ExecutionDates, Findings: s.Findings,
	}
}

// Summary opens the indexer's answer in a row.
func Summary(rec *custody.Records, f *catalog.File) (payment.Summary, error) {
	var s payment.Summary
	plain, err := rec.Open("file", "summary", f.ID, f.Result.Summary)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(plain, &s); err != nil {
		return s, fault.Wrap(fault.Damaged, "fileobject: summary", err)
	}
	return s, nil
}

// SealSummary seals the indexer's answer for the row of f.
func SealSummary(rec *custody.Records, f *catalog.File, s payment.Summary) ([]byte, error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "fileobject: summary", err)
	}
	return rec.Seal("file", "summary", f.ID, plain), nil
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Name opens a file's name alone; false when nobody can any more.
func Name(rec *custody.Records, file uuid.UUID, sealed []byte) (string, bool) {
	name, err := rec.Open("file", "name", file, sealed)
	return string(name), err == nil
}
