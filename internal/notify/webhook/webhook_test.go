package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/notify/notifytest"
	"sealgate/internal/notify/webhook"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/notices"
)

// receiver is a program of the customer's, which answers what it is told to.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []received
	answer func(n int, r *http.Request) int // of the n-th request; nil = 200
}

type received struct {
	header http.Header
	body   []byte
	webhook.Payload
}

func receive(t *testing.T, answer func(n int, r *http.Request) int) *receiver {
	t.Helper()
	rc := &receiver{answer: answer}
	rc.Server = httptest.NewServer(rc)
	t.Cleanup(rc.Close)
	return rc
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	got := received{header: r.Header, body: body}
	_ = json.Unmarshal(body, &got.Payload)
	rc.mu.Lock()
	rc.got = append(rc.got, got)
	n := len(rc.got)
	rc.mu.Unlock()
	if rc.answer != nil {
		w.WriteHeader(rc.answer(n, r))
	}
}

func (rc *receiver) all() []received {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return slices.Clone(rc.got)
}

func (rc *receiver) types() (list []string) {
	for _, r := range rc.all() {
		list = append(list, r.Type)
	}
	return list
}

// desk is a service in an office.
type desk struct {
	*webhook.Service
	*notifytest.Office
	t     *testing.T
	roots *x509.CertPool
}

func open(t *testing.T) *desk {
	t.Helper()
	d := &desk{Office: notifytest.Open(t), t: t}
	d.restart()
	return d
}

// restart makes a service anew, as the next process does.
func (d *desk) restart() {
	d.Service = webhook.New(webhook.Options{
		Catalog: d.Catalog, Custody: d.Custody, Keys: d.Keys, Guard: dialguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}),
		Now: d.Clock.Now, Log: slog.New(slog.DiscardHandler), Version: "test", Roots: d.roots,
	})
}

func (d *desk) add(address string, events ...string) (*webhook.Webhook, string) {
	d.t.Helper()
	d.Number()
	w, secret, err := d.Add(d.t.Context(), "test", "acme", webhook.Target{URL: address, Events: events})
	if err != nil {
		d.t.Fatal(err)
	}
	return w, secret
}

// round does a round and waits for what it has begun.
func (d *desk) round() {
	d.t.Helper()
	if err := d.Round(d.t.Context()); err != nil {
		d.t.Fatal(err)
	}
	d.Wait()
}

func (d *desk) deliveries(w *webhook.Webhook) []*notices.Delivery {
	d.t.Helper()
	list, err := d.Deliveries(d.t.Context(), "acme", w.ID.String(), uuid.Nil, 100)
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

func (d *desk) state(w *webhook.Webhook) *notices.Webhook {
	d.t.Helper()
	var row *notices.Webhook
	catalogtest.View(d.t, d.Catalog, func(tx *catalog.Tx) (err error) { row, err = tx.Webhook(w.ID); return err })
	return row
}

// verifies checks a signature as a receiver does that knows docs/webhooks.md only.
func verifies(r received, secret string) bool {
	var stamp string
	good := false
	for part := range strings.SplitSeq(r.header.Get("Sealgate-Signature"), ",") {
		switch name, value, _ := strings.Cut(part, "="); name {
		case "t":
			stamp = value
		case "v1":
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write([]byte(stamp + "." + string(r.body)))
			given, _ := hex.DecodeString(value)
			good = good || hmac.Equal(given, mac.Sum(nil))
		}
	}
	return good
}

func same[T comparable](t *testing.T, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestAnEventIsDeliveredSignedAndOnce(t *testing.T) {
	d := open(t)
	d.File(catalog.Kept, "before.xml", "file.kept") // nobody asked yet
	rc := receive(t, nil)
	w, secret := d.add(rc.URL + "/hook?x=1")
	f := d.File(catalog.Held, "löner.xml", "file.held")
	d.Happens(d.Acme.ID, "login.added", "", nil)
	d.Happens(d.Account("beta").ID, "file.kept", f.ID.String(), nil)
	d.round()
	d.round()
	got := rc.all()
	if len(got) != 1 {
		t.Fatalf("%d deliveries: %v", len(got), rc.types())
	}
	p, h := got[0].Payload, got[0].header
	if p.Type != "file.held" || p.Account == nil || *p.Account != "acme" || p.Data.File == nil || *p.Data.File.Name != "löner.xml" || p.Data.File.State != "held" {
		t.Errorf("payload %s", got[0].body)
	}
	if h.Get("Content-Type") != "application/json" || h.Get("Sealgate-Event") != "file.held" || h.Get("Sealgate-Delivery") == "" {
		t.Errorf("headers %v", h)
	}
	stamp, _, _ := strings.Cut(strings.TrimPrefix(h.Get("Sealgate-Signature"), "t="), ",")
	if at, _ := strconv.ParseInt(stamp, 10, 64); at != d.Clock.Now().Unix() {
		t.Errorf("signed at %q", stamp)
	}
	if !verifies(got[0], secret) || verifies(got[0], secret+"x") {
		t.Error("the signature says nothing")
	}
	list := d.deliveries(w)
	if len(list) != 1 || list[0].State != notices.DeliveryDelivered || list[0].Status != 200 || list[0].Attempts != 1 {
		t.Errorf("deliveries %+v", list)
	}
}

func TestOnlyWhatWasAskedFor(t *testing.T) {
	d := open(t)
	held, all := receive(t, nil), receive(t, nil)
	d.add(held.URL, "file.held", "file.refused", "file.held")
	d.add(all.URL)
	id := d.File(catalog.Held, "a.xml", "file.received").ID.String()
	for _, outcome := range []string{"indexed", "held", "refused"} {
		d.Happens(d.Acme.ID, "file.indexed", id, map[string]string{"outcome": outcome})
	}
	d.Happens(d.Acme.ID, "file.deleted", id, nil)
	// A kept file that is read again is kept, whatever is found now.
	kept := d.File(catalog.Kept, "b.xml", "file.kept").ID.String()
	d.Happens(d.Acme.ID, "file.indexed", kept, map[string]string{"outcome": "held"})
	d.round()
	same(t, held.types(), []string{"file.held", "file.refused"})
	same(t, all.types(), []string{"file.received", "file.indexed", "file.held", "file.refused", "file.deleted", "file.kept", "file.indexed"})
	if _, _, err := d.Add(t.Context(), "test", "acme", webhook.Target{URL: all.URL + "/b", Events: []string{"file.eaten"}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("an event that is none: %v", err)
	}
	if _, _, err := d.Add(t.Context(), "test", "system", webhook.Target{URL: all.URL + "/b", Events: []string{"file.held"}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("files for who runs the gateway: %v", err)
	}
}

func TestARefusedEventIsTriedAgainAndOthersGoAhead(t *testing.T) {
	d := open(t)
	bad := true
	rc := receive(t, func(_ int, r *http.Request) int {
		if r.Header.Get("Sealgate-Event") == "file.received" && bad {
			return 500
		}
		return 204
	})
	w, _ := d.add(rc.URL)
	id := d.File(catalog.Kept, "a.xml", "file.received").ID.String()
	d.Happens(d.Acme.ID, "file.kept", id, nil)
	d.round()
	same(t, rc.types(), []string{"file.received", "file.kept"})
	d.round()
	if len(rc.all()) != 2 {
		t.Fatal("it was tried again at once")
	}
	bad = false
	d.Clock.Add(7 * time.Second)
	d.round()
	same(t, rc.types(), []string{"file.received", "file.kept", "file.received"})
	got := rc.all()
	if got[0].ID != got[2].ID || got[0].header.Get("Sealgate-Delivery") != got[2].header.Get("Sealgate-Delivery") {
		t.Error("a second attempt is another event")
	}
	if s := d.state(w); !s.FailingSince.IsZero() || s.Tries != 0 {
		t.Errorf("it still counts as failing: %+v", s)
	}
}

func TestADeadEndpointKeepsItsOrderAndIsInNobodysWay(t *testing.T) {
	d := open(t)
	down := true
	dead := receive(t, func(int, *http.Request) int {
		if down {
			return 503
		}
		return 200
	})
	alive := receive(t, nil)
	w, _ := d.add(dead.URL)
	d.add(alive.URL)
	var want []string
	for _, action := range []string{"file.received", "file.kept", "file.erased"} {
		d.Happens(d.Acme.ID, action, d.File(catalog.Kept, "a.xml", action).ID.String(), nil)
		want = append(want, action, action)
	}
	d.round()
	same(t, alive.types(), want)
	if n := len(dead.all()); n != 1 {
		t.Fatalf("who is overloaded was sent %d requests", n)
	}
	for range 3 {
		d.round()
		d.Clock.Add(time.Second)
	}
	if n := len(dead.all()); n != 1 {
		t.Fatalf("who is overloaded was sent %d requests", n)
	}
	down = false
	d.Clock.Add(10 * time.Second)
	d.round()
	same(t, dead.types()[1:], want)
	if s := d.state(w); !s.FailingSince.IsZero() {
		t.Errorf("it still counts as failing: %+v", s)
	}
}

func TestPausesGrowOverADayAndThenItHasFailed(t *testing.T) {
	d := open(t)
	rc := receive(t, func(int, *http.Request) int { return 503 })
	w, _ := d.add(rc.URL)
	d.File(catalog.Kept, "a.xml", "file.kept")
	began := d.Clock.Now()
	for d.deliveries0(w) && d.Clock.Now().Sub(began) < 48*time.Hour {
		d.round()
		d.Clock.Add(2 * time.Second)
		if next := d.state(w).RetryAt; next.After(d.Clock.Now()) {
			d.Clock.Add(next.Sub(d.Clock.Now()))
		}
	}
	list := d.deliveries(w)
	if len(list) != 1 || list[0].State != notices.DeliveryFailed || list[0].Error != "expired" {
		t.Fatalf("%+v", list[0])
	}
	if n := len(rc.all()); n < 9 || n > 16 {
		t.Errorf("%d attempts in a day", n)
	}
	if over := list[0].EndedAt.Sub(began); over < 24*time.Hour || over > 30*time.Hour {
		t.Errorf("it failed after %s", over)
	}
}

// deliveries0 tells whether something waits, or nothing was taken up yet.
func (d *desk) deliveries0(w *webhook.Webhook) bool {
	list := d.deliveries(w)
	return len(list) == 0 || list[0].State == notices.DeliveryWaiting
}

func TestWhoTakesNothingForDaysIsSwitchedOff(t *testing.T) {
	d := open(t)
	rc := receive(t, func(int, *http.Request) int { return 500 })
	w, _ := d.add(rc.URL)
	for range 15 {
		d.File(catalog.Kept, "a.xml", "file.kept")
		d.round()
		d.Clock.Add(9 * time.Hour)
	}
	if s := d.state(w); s.State != notices.WebhookFailed {
		t.Fatalf("after 5 days: %+v", s)
	}
	n := len(rc.all())
	d.File(catalog.Kept, "missed.xml", "file.kept")
	d.round()
	if len(rc.all()) != n {
		t.Error("it is still sent to")
	}
	if _, err := d.Replay(t.Context(), "test", "acme", w.ID.String(), d.deliveries(w)[0].ID); !fault.Is(err, fault.Invalid) {
		t.Errorf("replay: %v", err)
	}
	rc.mu.Lock()
	rc.answer = nil
	rc.mu.Unlock()
	on := true
	if _, err := d.Set(t.Context(), "test", "acme", w.ID.String(), webhook.Change{On: &on}); err != nil {
		t.Fatal(err)
	}
	d.File(catalog.Kept, "again.xml", "file.kept")
	d.round()
	last := rc.all()[len(rc.all())-1]
	if len(rc.all()) != n+1 || *last.Data.File.Name != "again.xml" {
		t.Errorf("after it was switched on: %d more, %s", len(rc.all())-n, last.body)
	}
}

func TestGoneIsGone(t *testing.T) {
	d := open(t)
	w, _ := d.add(receive(t, func(int, *http.Request) int { return 410 }).URL)
	d.File(catalog.Kept, "a.xml", "file.kept")
	d.round()
	if s := d.state(w); s.State != notices.WebhookFailed {
		t.Errorf("%+v", s)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	d := open(t)
	inner := receive(t, nil)
	rc := receive(t, nil)
	rc.Config.Handler = http.RedirectHandler(inner.URL, http.StatusTemporaryRedirect)
	w, _ := d.add(rc.URL)
	got, err := d.Test(t.Context(), "test", "acme", w.ID.String())
	if err != nil || got.State != notices.DeliveryFailed || got.Error != "redirect" || got.Status != 307 {
		t.Errorf("%+v, %v", got, err)
	}
	if len(inner.all()) != 0 {
		t.Error("the redirect was followed")
	}
}

// A crash between sending and noting sends once more, and the receiver can tell.
func TestACrashDoublesNothingButAnAttempt(t *testing.T) {
	d := open(t)
	rc := receive(t, nil)
	d.add(rc.URL)
	d.File(catalog.Kept, "a.xml", "file.kept")
	d.round()
	d.Wait()
	if err := d.Catalog.Close(); err != nil {
		t.Fatal(err)
	}
	d.Reopen()
	d.restart()
	d.File(catalog.Kept, "b.xml", "file.kept")
	d.round()
	d.restart()
	d.round()
	got := rc.all()
	if len(got) != 2 || got[0].ID == got[1].ID {
		t.Errorf("%d deliveries after a restart", len(got))
	}
}

func TestReplay(t *testing.T) {
	d := open(t)
	rc := receive(t, nil)
	w, _ := d.add(rc.URL)
	other, _ := d.add(receive(t, nil).URL)
	d.File(catalog.Kept, "a.xml", "file.kept")
	d.round()
	first := d.deliveries(w)[0]
	again, err := d.Replay(t.Context(), "test", "acme", w.ID.String(), first.ID)
	if err != nil {
		t.Fatal(err)
	}
	d.round()
	got := rc.all()
	if len(got) != 2 || got[0].ID != got[1].ID || got[1].header.Get("Sealgate-Delivery") != again.ID.String() {
		t.Errorf("%d deliveries, %v", len(got), got[len(got)-1].header)
	}
	for _, id := range []uuid.UUID{catalogtest.ID(), d.deliveries(other)[0].ID} {
		if _, err := d.Replay(t.Context(), "test", "acme", w.ID.String(), id); !fault.Is(err, fault.NotFound) {
			t.Errorf("a delivery of somebody else: %v", err)
		}
	}
}

func TestTwoSecretsAreGoodForADay(t *testing.T) {
	d := open(t)
	rc := receive(t, nil)
	w, old := d.add(rc.URL)
	_, fresh, err := d.Rotate(t.Context(), "test", "acme", w.ID.String(), false)
	if err != nil || fresh == old {
		t.Fatal(err)
	}
	test := func(wantOld bool) {
		t.Helper()
		d.Clock.Add(5 * time.Second) // so often is it tested
		if _, err := d.Test(t.Context(), "test", "acme", w.ID.String()); err != nil {
			t.Fatal(err)
		}
		last := rc.all()[len(rc.all())-1]
		if !verifies(last, fresh) || verifies(last, old) != wantOld {
			t.Errorf("new %v, old %v", verifies(last, fresh), verifies(last, old))
		}
	}
	test(true)
	d.Clock.Add(24*time.Hour - 15*time.Second)
	test(true)
	test(false)
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Keys.AccountSecret(d.Acme.ID, "webhook-old", w.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("the old secret is still in the key store: %v", err)
	}
	test(false)
}

// A new secret that comes just when the one before is about to be destroyed: its own
// predecessor stays for a day.
func TestASweepTakesNoSecretThatCameMeanwhile(t *testing.T) {
	d := open(t)
	rc := receive(t, nil)
	w, _ := d.add(rc.URL)
	_, second, err := d.Rotate(t.Context(), "test", "acme", w.ID.String(), false)
	if err != nil {
		t.Fatal(err)
	}
	d.Clock.Add(25 * time.Hour)
	looks := 0
	d.with(func(o *webhook.Options) {
		now := o.Now
		o.Now = func() time.Time {
			if looks++; looks == 2 { // it has looked for what is over
				if _, _, err := d.Rotate(t.Context(), "test", "acme", w.ID.String(), false); err != nil {
					t.Error(err)
				}
			}
			return now()
		}
	})
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if old, err := d.Keys.AccountSecret(d.Acme.ID, "webhook-old", w.ID); err != nil || string(old) != second {
		t.Errorf("the secret before the present one: %v", err)
	}
}

func TestAddressesThatAreRefused(t *testing.T) {
	d := open(t)
	for address, kind := range map[string]fault.Kind{
		"":                                       fault.Invalid,
		"erp.example.com":                        fault.Invalid,
		"ftp://127.0.0.1/":                       fault.Invalid,
		"file:///etc/passwd":                     fault.Invalid,
		"https://":                               fault.Invalid,
		"https://u:p@127.0.0.1/":                 fault.Invalid,
		"https://127.0.0.1/#a":                   fault.Invalid,
		"https://127.0.0.1/a b":                  fault.Invalid,
		"https://127.0.0.1/\r\nHost: x":          fault.Invalid,
		"https:127.0.0.1":                        fault.Invalid,
		"https://10.0.0.1/":                      fault.Denied,
		"https://169.254.169.254/latest":         fault.Denied,
		"https://[::1]/":                         fault.Denied,
		"https://[::ffff:10.0.0.1]/":             fault.Denied,
		"http://1.1.1.1/":                        fault.Denied,
		"https://x/" + strings.Repeat("a", 2000): fault.Invalid,
	} {
		if _, _, err := d.Add(t.Context(), "test", "acme", webhook.Target{URL: address, Events: nil}); !fault.Is(err, kind) {
			t.Errorf("%.60q: %v, want %v", address, err, kind)
		}
	}
	d.add("http://127.0.0.1:1/")
	if _, _, err := d.Add(t.Context(), "test", "acme", webhook.Target{URL: "http://127.0.0.1:1/", Events: nil}); !fault.Is(err, fault.Exists) {
		t.Errorf("twice: %v", err)
	}
}

// The guard stands at the dial, too: what resolved well when it was added may not later.
func TestTheGuardStandsAtTheDial(t *testing.T) {
	d := open(t)
	rc := receive(t, nil)
	w, _ := d.add(rc.URL)
	d.Service = webhook.New(webhook.Options{
		Catalog: d.Catalog, Custody: d.Custody, Keys: d.Keys, Guard: dialguard.New(nil), Now: d.Clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	got, err := d.Test(t.Context(), "test", "acme", w.ID.String())
	if err != nil || got.Error != "address-refused" || len(rc.all()) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestHTTPSIsVerified(t *testing.T) {
	d := open(t)
	rc := &receiver{}
	rc.Server = httptest.NewUnstartedServer(rc)
	rc.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	rc.StartTLS()
	t.Cleanup(rc.Close)
	w, _ := d.add(rc.URL)
	if got, err := d.Test(t.Context(), "test", "acme", w.ID.String()); err != nil || got.Error != "tls" {
		t.Errorf("a certificate that nobody knows: %+v, %v", got, err)
	}
	d.roots = x509.NewCertPool()
	d.roots.AddCert(rc.Certificate())
	d.restart()
	d.Clock.Add(5 * time.Second)
	if got, err := d.Test(t.Context(), "test", "acme", w.ID.String()); err != nil || got.State != notices.DeliveryDelivered {
		t.Errorf("one that is known: %+v, %v", got, err)
	}
}

func TestAnotherAccountsWebhookIsNotThere(t *testing.T) {
	d := open(t)
	d.Account("beta")
	w, _ := d.add(receive(t, nil).URL)
	id, ctx := w.ID.String(), t.Context()
	for what, err := range map[string]error{
		"set":    second(d.Set(ctx, "test", "beta", id, webhook.Change{})),
		"remove": d.Remove(ctx, "test", "beta", id),
		"test":   second(d.Test(ctx, "test", "beta", id)),
		"list":   second(d.Deliveries(ctx, "beta", id, uuid.Nil, 1)),
		"nobody": second(d.List(ctx, "nobody")),
	} {
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestWhoRunsTheGatewayIsToldOfAllAlarms(t *testing.T) {
	d := open(t)
	mine, theirs := receive(t, nil), receive(t, nil)
	d.Number()
	if _, _, err := d.Add(t.Context(), "test", "system", webhook.Target{URL: mine.URL, Events: nil}); err != nil {
		t.Fatal(err)
	}
	d.add(theirs.URL)
	id := catalogtest.ID().String()
	d.Happens(uuid.Nil, "alarm.raised", id, nil)
	d.Happens(d.Acme.ID, "alarm.raised", id, nil)
	d.File(catalog.Held, "a.xml", "file.held")
	d.round()
	same(t, mine.types(), []string{"alarm.raised", "alarm.raised"})
	same(t, theirs.types(), []string{"alarm.raised", "file.held"})
	if mine.all()[0].Account != nil {
		t.Errorf("payload %s", mine.all()[0].body)
	}
}

func TestRemoveForgetsAll(t *testing.T) {
	d := open(t)
	rc := receive(t, nil)
	w, _ := d.add(rc.URL)
	d.File(catalog.Held, "a.xml", "file.held")
	if err := d.Remove(t.Context(), "test", "acme", w.Address); err != nil {
		t.Fatal(err)
	}
	d.round()
	if len(rc.all()) != 0 {
		t.Error("it is still sent to")
	}
	if _, err := d.Keys.AccountSecret(d.Acme.ID, "webhook", w.ID); !fault.Is(err, fault.NotFound) {
		t.Errorf("its secret is still in the key store: %v", err)
	}
}

// Neither an address nor a secret nor a file's name lies in the catalog.
func TestNothingToReadInTheQueue(t *testing.T) {
	d := open(t)
	w, secret := d.add("http://127.0.0.1:1/hooks/hansson")
	d.File(catalog.Held, "löner-hansson.xml", "file.held")
	d.round()
	if n := len(d.deliveries(w)); n != 1 {
		t.Fatalf("%d deliveries", n)
	}
	if err := d.Catalog.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(d.Dir, "*"))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"hansson", secret, secret[4:]} {
			if strings.Contains(string(raw), text) {
				t.Errorf("%q stands in %s", text, filepath.Base(file))
			}
		}
	}
}
