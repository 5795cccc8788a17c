// Package accountdbtest is the contract of an account's payment index, whatever
// keeps it. Only tests import it.
package accountdbtest

import (
	"context"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb"
)

// Run runs the suite; each call of open returns a new, empty pool. A load of
// many payments is one that cannot be stored at once.
func Run(t *testing.T, many int64, open func(t testing.TB) *accountdb.Pool) {
	for name, test := range map[string]func(*testing.T, *accountdb.Pool){
		"APaymentComesBackAsItWas":            comesBack,
		"TheAnswerHasTheShapeOfTheSurface":    shape,
		"NothingIsVisibleBeforePublish":       with(many, invisible),
		"ADroppedLoadLeavesNothing":           with(many, dropped),
		"AStaleWorkerIsRefused":               stale,
		"TheYoungerLeaseReplacesTheOlder":     younger,
		"ResultTellsTheNextWorkerWhatIsDone":  result,
		"ReadingAgainReplaces":                readAgain,
		"PaymentsOutOfOrderAreRefused":        outOfOrder,
		"AnEndedContextStopsALoad":            with(many, endedLoad),
		"TheSequenceOfTheSamples":             sequence,
		"ReleaseTakes":                        releaseTakes,
		"ReleaseOfWhatCannotBe":               releaseOfNothing,
		"ARefusedFileTakesNothing":            refusedTakesNothing,
		"TheFirstOfTwoStaysTheFirst":          firstStaysFirst,
		"AHeldFileIsJudgedAgain":              judgedAgain,
		"OutwardFilesAreJudgedByNobody":       outward,
		"EveryTakenMessageIDIsCounted":        messageIDs,
		"ForgetTakesEverythingAway":           forget,
		"ForgetEndsALoadThatIsUnderWay":       with(many, forgetUnderWay),
		"SearchIgnoresCaseAndForm":            caseAndForm,
		"NewestFileFirstAndInFileOrder":       order,
		"ACursorFromNowhereIsRefused":         cursors,
		"ATotalThatIsNotCountedToTheEnd":      totals,
		"SearchAgreesWithANaiveFilter":        naive,
		"AccountsShareNothing":                apart,
		"ManyWorkersOnManyAccounts":           manyWorkers,
		"ACopyHoldsWhatWasPublished":          copied,
		"ARemovedAccountHasNothing":           removed,
		"AClosedPoolOpensNothing":             closed,
		"AnAccountWithoutAnythingHasNoCopies": nothingToCopy,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func with(many int64, test func(*testing.T, *accountdb.Pool, int64)) func(*testing.T, *accountdb.Pool) {
	return func(t *testing.T, pool *accountdb.Pool) { test(t, pool, many) }
}

// use opens an account's database for as long as the test runs.
func use(t *testing.T, pool *accountdb.Pool, account uuid.UUID) *accountdb.DB {
	t.Helper()
	db, release, err := pool.Account(context.Background(), account)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return db
}

// database returns the database of a new account.
func database(t *testing.T, pool *accountdb.Pool) *accountdb.DB {
	t.Helper()
	return use(t, pool, uuid.New())
}

func ptr[T any](v T) *T { return &v }

// pay returns a payment with something in every field.
func pay(seq int64) *payment.Payment {
	return &payment.Payment{
		Seq: seq, Batch: 1, BatchID: ptr("B1"), Direction: payment.Out,
		Payer:       payment.Party{Name: ptr("Björkö Livs AB"), Account: &payment.Account{Scheme: payment.SchemeIBAN, Number: "SE8050000000052810112347", Bank: ptr("ESSESESS")}},
		Payee:       payment.Party{Name: ptr("Östermalms Åkeri HB"), Account: &payment.Account{Scheme: payment.SchemeBankgiro, Number: "59990473"}},
		AmountMinor: ptr(1000 + seq), Currency: ptr("SEK"), ExecutionDate: ptr("2026-03-04"),
		Reference: &payment.Reference{Type: "ocr", Value: "77319002"}, Message: ptr("Faktura 1\nKundnr 2"),
		EndToEndID: ptr("E2E"), InstructionID: ptr("I"), Kind: payment.KindTransfer,
	}
}

func pays(n int64) (all []*payment.Payment) {
	for seq := range n {
		all = append(all, pay(seq+1))
	}
	return all
}

// meta returns what a clean file of these bytes says.
func meta(number int64, content string, n int64, messageIDs ...string) accountdb.FileMeta {
	return accountdb.FileMeta{
		Number: number, ContentMAC: []byte(content), IndexVersion: 1,
		Summary: payment.Summary{
			Outcome: payment.Indexed, Format: ptr("iso20022.pain.001"), Variant: ptr("pain.001.001.03"), Encoding: ptr("UTF-8"),
			MessageIDs: messageIDs, BatchCount: 1, PaymentCount: n, Findings: []payment.Finding{},
			Sums: []payment.Sum{{Currency: "SEK", Direction: payment.Out, Count: n, Minor: 1}},
		},
	}
}

// refused returns what a file says that had to be refused.
func refused(number int64, content string, code payment.Code, messageIDs ...string) accountdb.FileMeta {
	m := meta(number, content, 0, messageIDs...)
	m.Summary.Outcome = payment.Refused
	m.Summary.Findings = []payment.Finding{{Code: code, Severity: payment.Fatal, Count: 1}}
	return m
}

func begin(t *testing.T, db *accountdb.DB, file uuid.UUID, fence int64, payments ...*payment.Payment) *accountdb.Load {
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
func publish(t *testing.T, db *accountdb.DB, file uuid.UUID, fence int64, m accountdb.FileMeta, payments ...*payment.Payment) payment.Summary {
	t.Helper()
	s, err := begin(t, db, file, fence, payments...).Publish(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func search(t *testing.T, db *accountdb.DB, q accountdb.Query) accountdb.Page {
	t.Helper()
	p, err := db.Search(context.Background(), q)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// wantTotal asks how many payments there are, held ones too.
func wantTotal(t *testing.T, what string, db *accountdb.DB, want int64) {
	t.Helper()
	if p := search(t, db, accountdb.Query{Held: accountdb.WithHeld}); p.Total != want || !p.TotalIsExact {
		t.Errorf("%s: %d payments (exact: %v), want %d", what, p.Total, p.TotalIsExact, want)
	}
}

func wantOutcome(t *testing.T, what string, s payment.Summary, outcome payment.Outcome, findings string) {
	t.Helper()
	var codes []string
	for _, f := range s.Findings {
		codes = append(codes, string(f.Code))
	}
	if got := strings.Join(codes, " "); s.Outcome != outcome || got != findings {
		t.Errorf("%s: %s with %q, want %s with %q", what, s.Outcome, got, outcome, findings)
	}
}

func wantKind(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%s: %v, want a fault of kind %v", what, err, kind)
	}
}
