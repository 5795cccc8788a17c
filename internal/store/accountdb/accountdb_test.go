package accountdb

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb/sqlite"
)

func newPool(t testing.TB, opt Options) *Pool {
	t.Helper()
	p, err := OpenPool(filepath.Join(t.TempDir(), "accounts"), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func newDB(t testing.TB) *DB {
	t.Helper()
	db, release, err := newPool(t, Options{}).Account(context.Background(), uuid.New())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return db
}

// testBatch is a batch that tests can fill.
const testBatch = 100

func ptr[T any](v T) *T { return &v }

// pay returns a payment with something in every field.
func pay(seq int64) *payment.Payment {
	return &payment.Payment{
		Seq: seq, Batch: 1, BatchID: ptr("B1"), Direction: payment.Out,
		Payer:       payment.Party{Name: ptr("Björkö Livs AB"), Account: &payment.Account{Scheme: payment.SchemeIBAN, Number: "SE8050000000052810112347", Bank: ptr("ESSESESS")}},
		Payee:       payment.Party{Name: ptr("Östermalms Åkeri HB"), Account: &payment.Account{Scheme: payment.SchemeBankgiro, Number: "59990473"}},
		AmountMinor: ptr(int64(1000 + seq)), Currency: ptr("SEK"), ExecutionDate: ptr("2026-03-04"),
		Reference: &payment.Reference{Type: "ocr", Value: "77319002"}, Message: ptr("Faktura 1\nKundnr 2"),
		EndToEndID: ptr("E2E"), InstructionID: ptr("I"), Kind: payment.KindTransfer,
	}
}

// meta returns what a clean file of these bytes says.
func meta(number int64, content string, n int64, messageIDs ...string) FileMeta {
	return FileMeta{
		Number: number, ContentMAC: []byte(content), IndexVersion: 1,
		Summary: payment.Summary{
			Outcome: payment.Indexed, Format: ptr("iso20022.pain.001"), Variant: ptr("pain.001.001.03"), Encoding: ptr("UTF-8"),
			MessageIDs: messageIDs, BatchCount: 1, PaymentCount: n, Findings: []payment.Finding{},
			Sums: []payment.Sum{{Currency: "SEK", Direction: payment.Out, Count: n, Minor: 1}},
		},
	}
}

func begin(t testing.TB, db *DB, file uuid.UUID, fence int64, payments ...*payment.Payment) *Load {
	t.Helper()
	l, err := db.Begin(context.Background(), file, fence)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range payments {
		if err := l.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.wait(); err != nil {
		t.Fatal(err)
	}
	return l
}

// publish takes a file through the index.
func publish(t testing.TB, db *DB, file uuid.UUID, fence int64, m FileMeta, payments ...*payment.Payment) payment.Summary {
	t.Helper()
	s, err := begin(t, db, file, fence, payments...).Publish(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func search(t testing.TB, db *DB, q Query) Page {
	t.Helper()
	p, err := db.Search(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantKind(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: %v, want a fault of kind %v", what, err, kind)
	}
}

func sweepAll(t testing.TB, db *DB) {
	t.Helper()
	for more := true; more; {
		var err error
		if more, err = db.sweep(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// count returns a number out of the database itself.
func count(t testing.TB, db *DB, query string, args ...any) (n int64) {
	t.Helper()
	if err := db.reader.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

const allTerms = "SELECT (SELECT count(*) FROM term) + (SELECT count(*) FROM young)"

func TestADroppedLoadLeavesNothing(t *testing.T) {
	db := newDB(t)
	db.batch = testBatch
	kept := uuid.New()
	publish(t, db, kept, 1, meta(1, "kept", 1), pay(1))
	payments := func() (ps []*payment.Payment) {
		for seq := range int64(3*testBatch + 3) {
			ps = append(ps, pay(seq+1))
		}
		return ps
	}
	if err := begin(t, db, uuid.New(), 1, payments()...).Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused := meta(3, "cut", 0)
	refused.Summary.Outcome = payment.Refused
	refused.Summary.Findings = []payment.Finding{{Code: payment.Truncated, Severity: payment.Fatal, Count: 1}}
	publish(t, db, uuid.New(), 1, refused, payments()...)
	if p := search(t, db, Query{Held: WithHeld}); p.Total != 1 {
		t.Errorf("%d payments visible, want 1", p.Total)
	}
	sweepAll(t, db)
	if rows, terms, loads := count(t, db, "SELECT count(*) FROM payment"), count(t, db, allTerms), count(t, db, "SELECT count(*) FROM load"); rows != 1 || terms != 3 || loads != 0 {
		t.Errorf("%d rows, %d terms, %d loads are left; want 1, 3, 0", rows, terms, loads)
	}
}

func TestAStaleWorkerStopsInTheMiddle(t *testing.T) {
	db, file := newDB(t), uuid.New()
	db.batch = testBatch
	slow := begin(t, db, file, 1, pays(testBatch)...)
	begin(t, db, file, 2, pays(testBatch)...)
	sweepAll(t, db)
	var err error
	for seq := int64(testBatch + 1); err == nil && seq <= 3*testBatch; seq++ {
		err = slow.Add(pay(seq))
	}
	wantKind(t, "a batch by the older lease", err, fault.Exists)
	late := begin(t, db, file, 1)
	err = nil
	for seq := int64(1); err == nil && seq <= 2*testBatch; seq++ {
		err = late.Add(pay(seq))
	}
	wantKind(t, "a first batch by the older lease", err, fault.Exists)
	if n := count(t, db, "SELECT count(*) FROM payment"); n != testBatch {
		t.Errorf("%d rows, want the %d of the younger lease", n, testBatch)
	}
}

// A number that is given again must not bring a worker back to life whose load
// has been swept.
func TestANumberUsedAgainIsNotTheOldLoad(t *testing.T) {
	db, file := newDB(t), uuid.New()
	db.batch = testBatch
	slow := begin(t, db, file, 1, pays(testBatch)...)
	if err := db.Forget(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	sweepAll(t, db)
	other := begin(t, db, uuid.New(), 1, pays(testBatch)...)
	if other.id != slow.id {
		t.Fatalf("number %d after %d: this test tests nothing", other.id, slow.id)
	}
	_, err := slow.Publish(t.Context(), meta(1, "x", testBatch))
	wantKind(t, "publish of a load that was forgotten", err, fault.Exists)
	if err := slow.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Publish(t.Context(), meta(2, "y", testBatch)); err != nil {
		t.Error(err)
	}
}

func TestAllSurvivesReopening(t *testing.T) {
	p := newPool(t, Options{Cap: 1})
	account, other, file := uuid.New(), uuid.New(), uuid.New()
	use := func(id uuid.UUID, fn func(db *DB)) {
		db, release, err := p.Account(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		defer release()
		fn(db)
	}
	use(account, func(db *DB) {
		publish(t, db, file, 1, meta(1, "x", 1), pay(1))
		db.batch = 1
		begin(t, db, uuid.New(), 1, pay(1)) // of a worker that dies
	})
	use(other, func(db *DB) {})
	use(account, func(db *DB) {
		if n := search(t, db, Query{}).Total; n != 1 {
			t.Errorf("%d payments after reopening", n)
		}
		if !db.untidy.Load() {
			t.Error("the load of a dead worker is not swept")
		}
		sweepAll(t, db)
		if n := count(t, db, "SELECT count(*) FROM load"); n != 0 {
			t.Errorf("%d loads left", n)
		}
	})
	if s := p.Stats(); s.Opens != 3 || s.Evictions != 2 || s.Open != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestPagesKeepRoomForASeal(t *testing.T) {
	p := newPool(t, Options{})
	account := uuid.New()
	db, release, err := p.Account(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	publish(t, db, uuid.New(), 1, meta(1, "x", 1), pay(1))
	release()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(p.path(account))
	if err != nil || head[20] != sqlite.Reserved || head[18] != 2 {
		t.Fatalf("reserve %d, write version %d, %v", head[20], head[18], err)
	}
	for page := 0; page < len(head); page += sqlite.PageSize {
		for _, b := range head[page+sqlite.PageSize-sqlite.Reserved : page+sqlite.PageSize] {
			if b != 0 {
				t.Fatalf("page at %d uses its reserve", page)
			}
		}
	}
}

func TestADatabaseOfANewerGatewayIsRefused(t *testing.T) {
	p := newPool(t, Options{})
	account := uuid.New()
	db, release, err := p.Account(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.writer.Exec("PRAGMA user_version=99"); err != nil {
		t.Fatal(err)
	}
	release()
	p.opt.Now = func() time.Time { return time.Now().Add(time.Hour) }
	p.tend(t.Context())
	if _, _, err = p.Account(t.Context(), account); err == nil || !strings.Contains(err.Error(), "newer gateway") {
		t.Errorf("opening it: %v", err)
	}
	if n := p.Stats().Open; n != 0 {
		t.Errorf("%d places taken by a database that does not open", n)
	}
}

func TestADamagedDatabaseSaysSo(t *testing.T) {
	p := newPool(t, Options{})
	account := uuid.New()
	if err := os.WriteFile(p.path(account), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := p.Account(t.Context(), account)
	wantKind(t, "opening rubbish", err, fault.Damaged)
}

// R8: a full disk refuses the load, harms nothing, and is over when there is room.
func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	db, file := newDB(t), uuid.New()
	db.batch = testBatch
	publish(t, db, uuid.New(), 1, meta(1, "before", 1), pay(1))
	limit := func(pages int64) {
		s := <-db.write
		defer func() { db.write <- s }()
		if err := s.Do("PRAGMA max_page_count=" + strconv.FormatInt(pages, 10)); err != nil {
			t.Fatal(err)
		}
	}
	limit(count(t, db, "SELECT page_count FROM pragma_page_count") + 2)
	l := begin(t, db, file, 1)
	var err error
	for seq := int64(1); err == nil && seq <= 10*testBatch; seq++ {
		err = l.Add(pay(seq))
	}
	wantKind(t, "a load on a full disk", err, fault.Full)
	_, err = l.Publish(t.Context(), meta(2, "cut", l.count))
	wantKind(t, "publish of a load that has lost a batch", err, fault.Full)
	if p := search(t, db, Query{}); p.Total != 1 {
		t.Errorf("%d payments while the disk is full", p.Total)
	}
	limit(1 << 30)
	if err := l.Drop(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(t, db, file, 2, meta(2, "after", 1), pay(1))
	if p := search(t, db, Query{}); p.Total != 2 {
		t.Errorf("%d payments when there is room again", p.Total)
	}
}

// Only one function opens account databases: what guards them stands there.
func TestDatabasesAreOpenedInOnePlace(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	below, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(sources, below...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(string(text), "sql."+"Open(")
		if want := map[bool]int{true: 1}[name == filepath.Join("sqlite", "sqlite.go")]; n != want {
			t.Errorf("%s opens databases in %d places, want %d", name, n, want)
		}
	}
}
