package web

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fileobject"
	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
)

// fill puts files on record as if they had been sent and indexed, and payments into
// the account's index. Every hundredth file is held.
func (h *house) fill(files, payments int) {
	h.Helper()
	first := h.send("lon.xml", sample(h, good))
	rec, err := h.world.Keys.Records(h.Context(), h.account.ID)
	if err != nil {
		h.Fatal(err)
	}
	summary, err := fileobject.Summary(rec, first)
	if err != nil {
		h.Fatal(err)
	}
	const atOnce = 5_000
	for n := 0; n < files; n += atOnce {
		h.world.Update(func(tx *catalog.Tx) error {
			for i := n; i < min(n+atOnce, files); i++ {
				f := *first
				f.ID, f.Number, f.Source = uuid.Must(uuid.NewV7()), 0, []string{"sftp", "api"}[i%2]
				name := fmt.Sprintf("lon-%d.xml", i)
				f.Name, f.NameMAC = rec.Seal("file", "name", f.ID, []byte(name)), inbox.MAC(rec, name)
				if f.Result.Summary, err = fileobject.SealSummary(rec, &f, summary); err != nil {
					return err
				}
				f.State, f.Body, f.Grant, f.Delivery.MAC = catalog.Deleted, catalog.Body{Kind: catalog.NoBody}, catalog.Grant{}, nil
				if i%100 == 0 {
					f.State = catalog.Held
				}
				if err := tx.InsertFile(&f); err != nil {
					return err
				}
			}
			return nil
		})
	}
	h.fillPayments(payments)
}

func (h *house) fillPayments(payments int) {
	h.Helper()
	db, release, err := h.pool.Account(h.Context(), h.account.ID)
	if err != nil {
		h.Fatal(err)
	}
	defer release()
	const perFile = 5_000
	sek, day := "SEK", "2026-03-25"
	for n := 0; n < payments; n += perFile {
		load, err := db.Begin(h.Context(), uuid.New(), 1)
		if err != nil {
			h.Fatal(err)
		}
		for i := range perFile {
			who, amount, id := fmt.Sprintf("Leverantör %d Östermalm AB", (n+i)*7919%50_000), int64(n+i), fmt.Sprintf("INV-%d", n+i)
			err := load.Add(&payment.Payment{
				Seq: int64(i + 1), Batch: 1, Direction: payment.Out, Kind: payment.KindTransfer, AmountMinor: &amount, Currency: &sek, ExecutionDate: &day, EndToEndID: &id,
				Payee:     payment.Party{Name: &who, Account: &payment.Account{Scheme: payment.SchemeIBAN, Number: fmt.Sprintf("SE%020d", (n+i)%50_000*104729)}},
				Reference: &payment.Reference{Type: "ocr", Value: fmt.Sprintf("%012d", (n+i)*15485863)},
			})
			if err != nil {
				h.Fatal(err)
			}
		}
		meta := accountdb.FileMeta{Number: int64(10 + n), Summary: payment.Summary{
			Outcome: payment.Indexed, PaymentCount: perFile, ExecutionDates: &payment.Dates{First: day, Last: day},
		}}
		if _, err := load.Publish(h.Context(), meta); err != nil {
			h.Fatal(err)
		}
	}
}

// requestPause is how long a caller waits so that he never asks too often.
const requestPause = time.Second

// How long is a page in the making, where there are 100,000 files and 1,000,000
// payments? -short takes a hundredth of them, SEALGATE_BENCH_PAYMENTS another number of payments.
func BenchmarkPages(b *testing.B) {
	h := newHouse(b)
	files, payments := 100_000, 1_000_000
	if testing.Short() {
		files, payments = files/100, payments/100
	}
	if text := os.Getenv("SEALGATE_BENCH_PAYMENTS"); text != "" {
		var err error
		if payments, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	h.fill(files, payments)
	for _, page := range []struct{ name, path string }{
		{"overview", "/a/acme/"},
		{"files", "/a/acme/files"},
		{"files/next", "/a/acme/files?before=" + strconv.Itoa(files/2)},
		{"files/held", "/a/acme/files?state=held"},
		{"files/none-of-state", "/a/acme/files?state=refused"},
		{"files/kept", "/a/acme/files?state=kept"},
		{"files/part-of-name", "/a/acme/files?part=lon-99977"},
		{"files/no-such-name", "/a/acme/files?part=nothing"},
		{"files/no-such-source", "/a/acme/files?source=portal"},
		{"files/since", "/a/acme/files?since=2020-01-01"},
		{"files/out", "/a/acme/files?direction=out"},
		{"files/finding", "/a/acme/files?code=test-file"},
		{"payments", "/a/acme/payments"},
		{"payments/number", "/a/acme/payments?number=" + fmt.Sprintf("SE%020d", 77*104729)},
		{"payments/reference", "/a/acme/payments?reference=" + fmt.Sprintf("%012d", 77*15485863)},
		{"payments/payee", "/a/acme/payments?payee=" + url.QueryEscape("leverantör 77")},
		{"payments/no-such-payee", "/a/acme/payments?payee=nobody"},
		{"payments/amount", "/a/acme/payments?min=9+000,00&max=9+100,00&currency=SEK"},
	} {
		b.Run(page.name, func(b *testing.B) {
			spent := cpu(b)
			for b.Loop() {
				if w := h.visit("admin", "GET", page.path, nil); w.Code != http.StatusOK {
					b.Fatalf("%s: %d %s", page.path, w.Code, plain(w.Body.String()))
				}
				h.world.Clock.Add(requestPause) // as many requests a second as a caller may send
			}
			// Of this process, whatever else the machine does meanwhile.
			b.ReportMetric(float64((cpu(b)-spent).Microseconds())/1000/float64(b.N), "cpu-ms/page")
		})
	}
}

// cpu is the time that this process has worked.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
