package removal_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/custody/ingest"
	"sealgate/internal/custody/removal"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// world is a remover, of an account that has one certificate and one access key.
// It is the holder, too, and writes down what happens.
type world struct {
	*removal.Remover
	t         *testing.T
	ks        *keys.Store
	cat       *catalog.Catalog
	account   *catalog.Account
	cert      removal.Target
	accessKey removal.Target
	happened  []string
	crash     string // the point where the next removal is cut
}

var errCrash = errors.New("crash")

func newWorld(t *testing.T) *world {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }
	w := &world{t: t, ks: keystest.New(t), cat: catalogtest.Open(t)}
	w.account = catalogtest.Account(t, w.cat, "acme")
	k, err := custody.New(w.ks, w.cat, "node-1", now).NewAccountKeys(t.Context(), custody.NewAccount{ID: w.account.ID, Name: "acme", Keys: catalog.KeysGateway})
	if err != nil {
		t.Fatal(err)
	}
	catalogtest.Update(t, w.cat, k.Insert)
	catalogtest.View(t, w.cat, func(tx *catalog.Tx) error {
		certs, err := tx.Certificates(w.account.ID)
		if err != nil {
			return err
		}
		access, err := tx.AccessKeys(w.account.ID)
		if err != nil {
			return err
		}
		w.cert = removal.Target{Account: w.account.ID, Certificate: certs[0].Fingerprint}
		w.accessKey = removal.Target{Account: w.account.ID, AccessKey: access[0].ID}
		return nil
	})
	w.Remover = removal.New(removal.Parts{
		Keys: w.ks, Catalog: w.cat, Holder: w, Now: now, Cut: w.cut,
		Ingest: ingest.New(w.ks, w.cat, "node-1", now, func(string) error { return nil }),
	})
	return w
}

func (w *world) cut(point string) error {
	w.happened = append(w.happened, point)
	if point == w.crash {
		return errCrash
	}
	return nil
}

func (w *world) Change(uuid.UUID) (done func()) {
	w.happened = append(w.happened, "change")
	return func() { w.happened = append(w.happened, "done") }
}

func (w *world) Drop(_ removal.Target, closes bool) {
	what := "drop"
	if closes {
		what = "drop names, too"
	}
	w.happened = append(w.happened, what)
}

func (w *world) Reopen(context.Context, uuid.UUID) error {
	w.happened = append(w.happened, "reopen")
	return nil
}

// statements returns what is declared, and whether all of it is signed.
func (w *world) statements() (n int, signed bool) {
	w.t.Helper()
	signed = true
	catalogtest.View(w.t, w.cat, func(tx *catalog.Tx) error {
		all, err := tx.Statements(w.account.ID, 10)
		for _, st := range all {
			signed = signed && st.Signed
		}
		n = len(all)
		return err
	})
	return n, signed
}

// here counts the account's keys in the key store.
func (w *world) here() int {
	w.t.Helper()
	k, err := w.ks.Account(w.account.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return len(k.Certificates()) + len(k.AccessKeys())
}

var steps = []string{"removal.intended", "removal.destroyed", "removal.grants-ended", "removal.signed"}

// What is remembered goes before the key does, and nothing is remembered anew
// until all is done.
func TestARemovalGoesInOrder(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		target removal.Target
		drop   string
	}{{w.accessKey, "drop"}, {w.cert, "drop names, too"}} {
		w.happened = nil
		done, err := w.Remove(t.Context(), "op", c.target, "acme")
		if err != nil {
			t.Fatal(err)
		}
		if want := slices.Concat([]string{"change", c.drop}, steps, []string{"done"}); !slices.Equal(w.happened, want) {
			t.Errorf("%v, want %v", w.happened, want)
		}
		if len(done.Note) == 0 || done.Statement == uuid.Nil {
			t.Errorf("nothing is declared: %+v", done)
		}
	}
	if n := w.here(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

func TestARemovalThatWasCutIsFinished(t *testing.T) {
	for _, point := range steps {
		t.Run(point, func(t *testing.T) {
			w := newWorld(t)
			w.crash = point
			if _, err := w.Remove(t.Context(), "op", w.accessKey, "acme"); !errors.Is(err, errCrash) {
				t.Fatalf("not reached: %v", err)
			}
			w.crash = ""
			for range 2 { // the second time nothing is left to do
				if err := w.Finish(t.Context()); err != nil {
					t.Fatal(err)
				}
				if n, signed := w.statements(); n != 1 || !signed || w.here() != 1 {
					t.Errorf("%d statements, signed: %v; %d keys", n, signed, w.here())
				}
			}
		})
	}
}

// Until the account's name is said nothing happens, and who asks hears what it
// would cost.
func TestNothingIsRemovedUnconfirmed(t *testing.T) {
	w := newWorld(t)
	loss, err := w.Preview(t.Context(), w.cert)
	if err != nil || !loss.Closes || loss.Stops {
		t.Fatalf("%+v, %v", loss, err)
	}
	for _, confirm := range []string{"", "Acme", "acme "} {
		_, err := w.Remove(t.Context(), "op", w.cert, confirm)
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), loss.Sentence) {
			t.Errorf("%q: %v", confirm, err)
		}
	}
	for what, target := range map[string]removal.Target{
		"no key":          {Account: w.account.ID},
		"both":            {Account: w.account.ID, Certificate: w.cert.Certificate, AccessKey: w.accessKey.AccessKey},
		"another account": {Account: catalogtest.Account(t, w.cat, "beta").ID, AccessKey: w.accessKey.AccessKey},
	} {
		if _, err := w.Remove(t.Context(), "op", target, "acme"); !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if len(w.happened) != 0 || w.here() != 2 {
		t.Errorf("%v happened, %d keys are left", w.happened, w.here())
	}
}

// The gateway's own account is opened again when an older catalog names a
// certificate that was destroyed since.
func TestTheGatewaysOwnAccountIsReopened(t *testing.T) {
	w := newWorld(t)
	w.account.Name = catalog.SystemAccount
	catalogtest.Update(t, w.cat, func(tx *catalog.Tx) error { return tx.SaveAccount(w.account) })
	if err := w.Converge(t.Context()); err != nil || len(w.happened) != 0 {
		t.Fatalf("%v, %v: nothing was to be done", w.happened, err)
	}
	k, err := w.ks.Account(w.account.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ks.RemoveCertificate(w.account.ID, k.Certificates()[0].Fingerprint, time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := w.Converge(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.happened[len(w.happened)-1] != "reopen" {
		t.Errorf("%v", w.happened)
	}
	if n, signed := w.statements(); n != 1 || !signed {
		t.Errorf("%d statements, signed: %v", n, signed)
	}
}
