package accountdb

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
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

func codes(s payment.Summary) string {
	var out []string
	for _, f := range s.Findings {
		out = append(out, string(f.Code))
	}
	return strings.Join(out, " ")
}

func wantOutcome(t *testing.T, what string, s payment.Summary, outcome payment.Outcome, findings string) {
	t.Helper()
	if s.Outcome != outcome || codes(s) != findings {
		t.Errorf("%s: %s with %q, want %s with %q", what, s.Outcome, codes(s), outcome, findings)
	}
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

func TestAPaymentComesBackAsItWas(t *testing.T) {
	db := newDB(t)
	bare := &payment.Payment{Seq: 2, Direction: payment.In, Kind: "entry", Immediate: true}
	partly := pay(7)
	partly.Payer.Name, partly.Payee.Account, partly.Reference = nil, nil, nil
	want := []*payment.Payment{pay(1), bare, partly}
	file := uuid.New()
	publish(t, db, file, 1, meta(1, "x", 3), want...)
	page := search(t, db, Query{})
	if len(page.Payments) != 3 || page.Total != 3 || !page.TotalIsExact || page.Next != nil {
		t.Fatalf("page %+v", page)
	}
	for i, got := range page.Payments {
		if got.FileID != file || !reflect.DeepEqual(&got.Payment, want[i]) {
			t.Errorf("payment %d: %+v, want %+v", i, got, want[i])
		}
	}
	i := 0
	err := db.Payments(t.Context(), file, func(p *payment.Payment) error {
		if !reflect.DeepEqual(p, want[i]) {
			t.Errorf("payment %d: %+v, want %+v", i, p, want[i])
		}
		i++
		return nil
	})
	if err != nil || i != 3 {
		t.Errorf("%d payments, %v", i, err)
	}
}

func TestTheAnswerHasTheShapeOfTheSurface(t *testing.T) {
	db := newDB(t)
	out, err := json.Marshal(search(t, db, Query{}))
	if err != nil || string(out) != `{"total":0,"total_is_exact":true,"next":null,"payments":[]}` {
		t.Errorf("an empty page is %s, %v", out, err)
	}
	publish(t, db, uuid.New(), 1, meta(1, "x", 1), pay(1))
	out, err = json.Marshal(search(t, db, Query{}))
	if err != nil || !strings.Contains(string(out), `"payments":[{"file_id":"`) || !strings.Contains(string(out), `"amount_minor":1001`) {
		t.Errorf("a page is %s, %v", out, err)
	}
}

func TestNothingIsVisibleBeforePublish(t *testing.T) {
	db := newDB(t)
	db.batch = testBatch
	l := begin(t, db, uuid.New(), 1)
	for seq := range int64(testBatch + 1) {
		if err := l.Add(pay(seq + 1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(t, db, "SELECT count(*) FROM payment"); n != testBatch {
		t.Fatalf("%d rows stored, want a batch of %d", n, testBatch)
	}
	for _, q := range []Query{{}, {Held: WithHeld}, {Number: "59990473"}, {File: l.file}} {
		if p := search(t, db, q); p.Total != 0 {
			t.Errorf("%+v finds %d payments of an unpublished load", q, p.Total)
		}
	}
	if _, err := l.Publish(t.Context(), meta(1, "x", testBatch+1)); err != nil {
		t.Fatal(err)
	}
	if p := search(t, db, Query{}); p.Total != testBatch+1 || !p.TotalIsExact {
		t.Errorf("found %d", p.Total)
	}
}

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
	s := publish(t, db, uuid.New(), 1, refused, payments()...)
	wantOutcome(t, "a cut file", s, payment.Refused, "truncated")
	if p := search(t, db, Query{Held: WithHeld}); p.Total != 1 {
		t.Errorf("%d payments visible, want 1", p.Total)
	}
	sweepAll(t, db)
	if rows, terms, loads := count(t, db, "SELECT count(*) FROM payment"), count(t, db, allTerms), count(t, db, "SELECT count(*) FROM load"); rows != 1 || terms != 3 || loads != 0 {
		t.Errorf("%d rows, %d terms, %d loads are left; want 1, 3, 0", rows, terms, loads)
	}
}

func TestAStaleWorkerIsRefused(t *testing.T) {
	db, file := newDB(t), uuid.New()
	slow := begin(t, db, file, 1, pay(1))
	publish(t, db, file, 2, meta(1, "x", 2), pay(1), pay(2))
	for range 2 {
		_, err := slow.Publish(t.Context(), meta(1, "x", 1))
		wantKind(t, "publish by the older lease", err, fault.Exists)
	}
	for _, fence := range []int64{1, 2} {
		_, err := begin(t, db, file, fence, pay(1)).Publish(t.Context(), meta(1, "x", 1))
		wantKind(t, "publish by an older lease that begins later", err, fault.Exists)
	}
	if err := slow.Drop(t.Context()); err != nil {
		t.Error(err)
	}
	if p := search(t, db, Query{}); p.Total != 2 {
		t.Errorf("%d payments, want the 2 of the newer lease", p.Total)
	}
}

// Whoever publishes first, the younger lease has the last word.
func TestTheYoungerLeaseReplacesTheOlder(t *testing.T) {
	db, file := newDB(t), uuid.New()
	young := begin(t, db, file, 2, pay(1), pay(2))
	publish(t, db, file, 1, meta(1, "x", 1), pay(1))
	if _, err := young.Publish(t.Context(), meta(1, "x", 2)); err != nil {
		t.Fatal(err)
	}
	if p := search(t, db, Query{}); p.Total != 2 {
		t.Errorf("%d payments, want the 2 of the younger lease", p.Total)
	}
	sweepAll(t, db)
	if n := count(t, db, "SELECT count(*) FROM payment"); n != 2 {
		t.Errorf("%d rows", n)
	}
}

func TestAStaleWorkerStopsInTheMiddle(t *testing.T) {
	db, file := newDB(t), uuid.New()
	db.batch = testBatch
	slow := begin(t, db, file, 1, pays(testBatch)...)
	begin(t, db, file, 2, pays(testBatch)...)
	sweepAll(t, db)
	var err error
	for seq := int64(testBatch + 1); err == nil && seq <= 2*testBatch; seq++ {
		err = slow.Add(pay(seq))
	}
	wantKind(t, "a batch by the older lease", err, fault.Exists)
	late := begin(t, db, file, 1)
	for seq := int64(1); err == nil && seq <= testBatch; seq++ {
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

func TestResultTellsTheNextWorkerWhatIsDone(t *testing.T) {
	db, file := newDB(t), uuid.New()
	_, err := db.Result(t.Context(), file, 0)
	wantKind(t, "result of nothing", err, fault.NotFound)
	begin(t, db, file, 1, pay(1))
	_, err = db.Result(t.Context(), file, 0)
	wantKind(t, "result of an unpublished load", err, fault.NotFound)
	want := publish(t, db, file, 2, meta(7, "x", 1, "M1"), pay(1))
	got, err := db.Result(t.Context(), file, 0)
	if err != nil || !reflect.DeepEqual(got, Result{Number: 7, Fence: 2, IndexVersion: 1, Summary: want}) {
		t.Errorf("result %+v, %v", got, err)
	}
	_, err = db.Result(t.Context(), file, 2)
	wantKind(t, "result for a reading that was asked for later", err, fault.NotFound)
}

func TestReadingAgainReplaces(t *testing.T) {
	db, file := newDB(t), uuid.New()
	publish(t, db, file, 1, meta(1, "x", 2, "M1"), pay(1), pay(2))
	s := publish(t, db, file, 2, meta(1, "x", 1, "M2"), pay(1))
	wantOutcome(t, "the same file read again", s, payment.Indexed, "")
	if p := search(t, db, Query{}); p.Total != 1 {
		t.Errorf("%d payments, want the 1 of the second reading", p.Total)
	}
	sweepAll(t, db)
	if n := count(t, db, "SELECT count(*) FROM payment"); n != 1 {
		t.Errorf("%d rows left", n)
	}
	s = publish(t, db, uuid.New(), 3, meta(2, "y", 1, "M1"), pay(1))
	wantOutcome(t, "a file with a message id that is no longer in the first", s, payment.Indexed, "")
	s = publish(t, db, uuid.New(), 4, meta(3, "z", 1, "M2"), pay(1))
	wantOutcome(t, "a file with a message id of the second reading", s, payment.Held, "duplicate-message-id")
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
	if err != nil || head[20] != reserved || head[18] != 2 {
		t.Fatalf("reserve %d, write version %d, %v", head[20], head[18], err)
	}
	for page := 0; page < len(head); page += pageSize {
		for _, b := range head[page+pageSize-reserved : page+pageSize] {
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

func TestAddRefusesPaymentsOutOfOrder(t *testing.T) {
	db := newDB(t)
	l := begin(t, db, uuid.New(), 1, pay(5))
	if err := errors.Join(l.Add(pay(5)), l.Add(pay(4))); err == nil {
		t.Error("a payment was taken twice")
	}
}

// R8: a full disk refuses the load, harms nothing, and is over when there is room.
func TestAFullDiskRefusesAndRecovers(t *testing.T) {
	db, file := newDB(t), uuid.New()
	db.batch = testBatch
	publish(t, db, uuid.New(), 1, meta(1, "before", 1), pay(1))
	limit := func(pages int64) {
		s := <-db.write
		defer func() { db.write <- s }()
		if err := s.do("PRAGMA max_page_count=" + strconv.FormatInt(pages, 10)); err != nil {
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

func TestAnEndedContextStopsALoad(t *testing.T) {
	db := newDB(t)
	db.batch = testBatch
	ctx, cancel := context.WithCancel(t.Context())
	l, err := db.Begin(ctx, uuid.New(), 1)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for seq := int64(1); err == nil && seq <= testBatch; seq++ {
		err = l.Add(pay(seq))
	}
	if !errors.Is(err, context.Canceled) || !fault.Is(err, fault.TryLater) {
		t.Errorf("adding under an ended context: %v", err)
	}
	if err := l.Drop(t.Context()); err != nil {
		t.Error(err)
	}
}

// Only one function opens account databases: what guards them stands there.
func TestDatabasesAreOpenedInOnePlace(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		n := strings.Count(string(text), "sql."+"Open(")
		if want := map[bool]int{true: 1}[name == "open.go"]; n != want {
			t.Errorf("%s opens databases in %d places, want %d", name, n, want)
		}
	}
}
