package accountdb

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb/row"
	"sealgate/internal/store/accountdb/sqlite"
	"sealgate/internal/store/accountdb/term"
)

// Held says what a search does with the payments of held files.
type Held int

// By default they are left out.
const (
	WithoutHeld Held = iota
	WithHeld
	OnlyHeld
)

// Query says which payments to search for; an empty field asks for nothing.
type Query struct {
	Payee     string // part of the payee's name, in any case
	Number    string // the payee's or payer's account number, with or without blanks and hyphens
	Reference string // a whole reference; blanks and case do not count
	From, To  string // execution date, YYYY-MM-DD, both included; payments without one do not match
	Min, Max  *int64 // amount in minor units of the payment's own currency, both included
	Currency  string
	File      uuid.UUID // naming a file includes it when it is held
	Seq       int64     // with File: this one payment of it
	Held      Held
	Limit     int    // payments in a page; 0 is 1,000
	After     string // Page.Next of the page before
}

// Page is the answer, in the form that is shown: newest file first, in file
// order within each.
type Page struct {
	Total        int64   `json:"total"`
	TotalIsExact bool    `json:"total_is_exact"` // else there are at least so many
	Next         *string `json:"next"`           // nil on the last page
	Payments     []Found `json:"payments"`
}

// Found is a payment and the file it came in.
type Found struct {
	FileID uuid.UUID `json:"file_id"`
	payment.Payment
}

const (
	defaultLimit = 1_000
	maxLimit     = 10_000
	countLimit   = 10_000 // beyond it a total is not counted to the end
)

// Search returns one page of payments.
func (db *DB) Search(ctx context.Context, q Query) (Page, error) {
	const op = "accountdb: search"
	after, err := q.cursor(op)
	if err != nil {
		return Page{}, err
	}
	switch {
	case q.Limit <= 0:
		q.Limit = defaultLimit
	case q.Limit > maxLimit:
		q.Limit = maxLimit
	}
	var page Page
	err = db.view(ctx, op, func(ctx context.Context, s *sqlite.Session) (err error) {
		w := q.compile()
		if page, err = w.page(ctx, s, after, q.Limit); err != nil {
			return err
		}
		if after == 0 && page.Next == nil {
			page.Total, page.TotalIsExact = int64(len(page.Payments)), true
			return nil
		}
		page.Total, page.TotalIsExact, err = w.count(ctx, s, after, page)
		return err
	})
	if err != nil {
		return Page{}, err
	}
	return page, nil
}

// walk is a compiled Query. It goes in one of three ways, all in the order
// of the answer, so that a page ends the walk: along one term, in each of the
// tables of terms; over the files and the blocks of each; or over the files and
// the payments of each.
type walk struct {
	files   conditions // on file f
	rows    conditions // on payment p
	byTerm  bool
	term    int64
	byBlock bool
	filter  row.Filter // what rows says
}

type conditions struct {
	text []string
	args []any
}

func (c *conditions) and() string {
	var b strings.Builder
	for _, text := range c.text {
		b.WriteString(" AND " + text)
	}
	return b.String()
}

func (c *conditions) add(text string, args ...any) {
	c.text = append(c.text, text)
	c.args = append(c.args, args...)
}

func (q *Query) compile() *walk {
	w := &walk{}
	switch held := q.Held; {
	case q.File != uuid.Nil:
		w.files.add("f.id = ?", q.File[:])
		if q.Seq > 0 {
			w.rows.add("p.id = (f.rank << 32) + ?", q.Seq)
		}
		w.files.add("f.state IN ('visible', 'held')")
	case held == WithHeld:
		w.files.add("f.state IN ('visible', 'held')")
	case held == OnlyHeld:
		w.files.add("f.state = 'held'")
	default:
		w.files.add("f.state = 'visible'")
	}
	w.lookUp(term.Number(q.Number))
	w.lookUp(term.Reference(q.Reference))
	w.filter = row.Filter{
		Payee: term.Fold(strings.TrimSpace(q.Payee)), From: q.From, To: q.To, Min: q.Min, Max: q.Max, Currency: strings.ToUpper(q.Currency),
	}
	w.byBlock = !w.byTerm && q.Seq == 0 && w.filter != row.Filter{}
	if w.filter.Payee != "" {
		w.rows.add("instr(p.payee_folded, ?) > 0", w.filter.Payee)
	}
	if q.From != "" {
		w.rows.add("p.execution_date >= ?", q.From)
		w.files.add("f.last_date >= ?", q.From)
	}
	if q.To != "" {
		w.rows.add("p.execution_date <= ?", q.To)
		w.files.add("f.first_date <= ?", q.To)
	}
	if q.Min != nil {
		w.rows.add("p.amount >= ?", *q.Min)
	}
	if q.Max != nil {
		w.rows.add("p.amount <= ?", *q.Max)
	}
	if q.Currency != "" {
		w.rows.add("p.currency = ?", w.filter.Currency)
	}
	return w
}

// lookUp walks along the first term, and asks for each further one.
func (w *walk) lookUp(hash int64, wanted bool) {
	if !wanted {
		return
	}
	if w.byTerm {
		w.rows.add("(EXISTS (SELECT 1 FROM term t2 WHERE t2.hash = ? AND t2.payment = p.id) OR EXISTS (SELECT 1 FROM young t3 WHERE t3.hash = ? AND t3.payment = p.id))", hash, hash)
		return
	}
	w.byTerm, w.term = true, hash
}

// tables returns the tables along which the walk goes, one after the other.
func (w *walk) tables() []string {
	if w.byTerm {
		return []string{"term", "young"}
	}
	return []string{"file"}
}

// sql renders the walk along a table over the payments after an id. CROSS JOIN
// fixes the order of the tables in SQLite.
func (w *walk) sql(table, columns string, after int64) (string, []any) {
	var b strings.Builder
	var args []any
	b.WriteString("SELECT " + columns)
	if w.byTerm {
		b.WriteString(" FROM " + table + " t CROSS JOIN payment p ON p.id = t.payment CROSS JOIN file f ON f.rank = p.id >> 32" +
			" WHERE t.hash = ? AND t.payment > ?")
		args = append(args, w.term, after)
	} else {
		b.WriteString(" FROM file f CROSS JOIN payment p ON p.id > max(f.rank << 32, ?) AND p.id <= (f.rank << 32) + 4294967295" +
			" WHERE f.rank >= ?")
		args = append(args, after, after>>32)
	}
	b.WriteString(w.files.and() + w.rows.and())
	args = append(append(args, w.files.args...), w.rows.args...)
	if w.byTerm {
		b.WriteString(" ORDER BY t.payment LIMIT ?")
	} else {
		b.WriteString(" ORDER BY f.rank, p.id LIMIT ?")
	}
	return b.String(), args
}

// page reads one payment more than limit, to know whether there is a next page.
func (w *walk) page(ctx context.Context, s *sqlite.Session, after int64, limit int) (Page, error) {
	page := Page{Payments: []Found{}}
	hits, err := w.hits(ctx, s, after, limit+1)
	if err != nil {
		return Page{}, err
	}
	slices.SortFunc(hits, func(a, b hit) int { return cmp.Compare(a.id, b.id) })
	if len(hits) > limit {
		hits = hits[:limit]
		next := encodeCursor(hits[limit-1].id)
		page.Next = &next
	}
	for _, h := range hits {
		page.Payments = append(page.Payments, h.Found)
	}
	return page, nil
}

// hit is a payment that a walk has met.
type hit struct {
	id int64
	Found
}

// hits reads the first payments of the walk, of those of each table.
func (w *walk) hits(ctx context.Context, s *sqlite.Session, after int64, limit int) (all []hit, err error) {
	if w.byBlock {
		ids, err := w.blocks(ctx, s, after, limit)
		if err != nil || len(ids) == 0 {
			return nil, err
		}
		list, err := json.Marshal(ids)
		if err != nil {
			return nil, err
		}
		return read(ctx, s, nil, "SELECT "+row.Columns+", f.id FROM json_each(?) i CROSS JOIN payment p ON p.id = i.value CROSS JOIN file f ON f.rank = p.id >> 32", string(list))
	}
	for _, table := range w.tables() {
		query, args := w.sql(table, row.Columns+", f.id", after)
		if all, err = read(ctx, s, all, query, append(args, limit)...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// read appends what a query finds.
func read(ctx context.Context, s *sqlite.Session, all []hit, query string, args ...any) ([]hit, error) {
	rows, err := s.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var h hit
		if h.id, err = row.Scan(rows.Scan, &h.Payment, &h.FileID); err != nil {
			return nil, err
		}
		all = append(all, h)
	}
	return all, rows.Err()
}

// blocksSQL renders the walk over the blocks that hold payments after an id.
func (w *walk) blocksSQL(after int64) (string, []any) {
	return "SELECT f.rank, b.packed FROM file f CROSS JOIN block b ON b.last > max(f.rank << 32, ?) AND b.last <= (f.rank << 32) + 4294967295" +
		" WHERE f.rank >= ?" + w.files.and() + " ORDER BY f.rank, b.last", append([]any{after, after >> 32}, w.files.args...)
}

// blocks returns the ids of the first payments after an id.
func (w *walk) blocks(ctx context.Context, s *sqlite.Session, after int64, limit int) (ids []int64, err error) {
	query, args := w.blocksSQL(after)
	rows, err := s.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for len(ids) < limit && rows.Next() {
		var rank int64
		var packed sql.RawBytes
		if err := rows.Scan(&rank, &packed); err != nil {
			return nil, err
		}
		first, _ := row.Span(rank)
		err := w.filter.Match(packed, func(seq int64) bool {
			if id := first | seq; id > after {
				ids = append(ids, id)
			}
			return len(ids) < limit
		})
		if err != nil {
			return nil, err
		}
	}
	return ids, rows.Err()
}

// count tells how many payments there are in all pages together; page is the one that
// comes after an id.
func (w *walk) count(ctx context.Context, s *sqlite.Session, after int64, page Page) (total int64, exact bool, err error) {
	if !w.byTerm && len(w.rows.text) == 0 {
		err = s.Once(ctx, "SELECT coalesce(sum(f.payments), 0) FROM file f WHERE "+strings.Join(w.files.text, " AND "), w.files.args...).Scan(&total)
		return total, true, err
	}
	from := int64(0)
	if after == 0 { // those of this page are known: the walk goes on where it stopped
		last := Query{After: *page.Next}
		if from, err = last.cursor("accountdb: count"); err != nil {
			return 0, false, err
		}
		total = int64(len(page.Payments))
	}
	if w.byBlock {
		ids, err := w.blocks(ctx, s, from, countLimit+1)
		if err != nil {
			return 0, false, err
		}
		return min(total+int64(len(ids)), countLimit), total+int64(len(ids)) <= countLimit, nil
	}
	for _, table := range w.tables() {
		var n int64
		query, args := w.sql(table, "1", from)
		if err := s.Once(ctx, "SELECT count(*) FROM ("+query+")", append(args, countLimit+1)...).Scan(&n); err != nil {
			return 0, false, err
		}
		total += n
	}
	if total > countLimit {
		return countLimit, false, nil
	}
	return total, true, nil
}

// A cursor is a version byte and the id of the last payment shown.
const cursorVersion = 1

func encodeCursor(id int64) string {
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64([]byte{cursorVersion}, uint64(id)))
}

// cursor returns the id to go on after; 0 is before all.
func (q *Query) cursor(op string) (int64, error) {
	if q.After == "" {
		return 0, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(q.After)
	if err == nil && len(b) == 9 && b[0] == cursorVersion {
		if id := binary.BigEndian.Uint64(b[1:]); id > 0 && id <= math.MaxInt64 {
			return int64(id), nil
		}
	}
	return 0, fault.New(fault.Invalid, op, "not a place to go on from; use the one that the page before gave")
}

// Payments hands the payments of a file to emit, in file order, held or not.
// It reads them in pages, so that a slow receiver keeps nothing waiting; when
// the file is indexed again meanwhile it ends with fault.TryLater.
func (db *DB) Payments(ctx context.Context, id uuid.UUID, emit func(*payment.Payment) error) error {
	const op = "accountdb: payments"
	var rank int64
	for after := int64(0); ; {
		var batch []payment.Payment
		err := db.view(ctx, op, func(ctx context.Context, s *sqlite.Session) error {
			f, err := fileByID(s, id)
			if err != nil {
				return err
			}
			if rank != 0 && rank != f.rank {
				return fault.New(fault.TryLater, op, "the file is being indexed again")
			}
			if f.state == stateRefused {
				return nil
			}
			rank = f.rank
			batch, after, err = payments(ctx, s, rank, after)
			return err
		})
		if err != nil {
			return err
		}
		for i := range batch {
			if err := emit(&batch[i]); err != nil {
				return err
			}
		}
		if len(batch) < defaultLimit {
			return nil
		}
	}
}

// payments reads a batch of a rank's payments, and returns the id of the last.
func payments(ctx context.Context, s *sqlite.Session, rank, after int64) ([]payment.Payment, int64, error) {
	first, last := row.Span(rank)
	rows, err := s.Query(ctx, "SELECT "+row.Columns+" FROM payment p WHERE p.id > ? AND p.id <= ? ORDER BY p.id LIMIT ?",
		max(first, after), last, defaultLimit)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	var batch []payment.Payment
	for rows.Next() {
		var p payment.Payment
		if after, err = row.Scan(rows.Scan, &p); err != nil {
			return nil, 0, err
		}
		batch = append(batch, p)
	}
	return batch, after, rows.Err()
}
