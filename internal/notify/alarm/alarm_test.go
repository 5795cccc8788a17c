package alarm_test

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/notify/alarm"
	"sealgate/internal/notify/mail"
	"sealgate/internal/notify/notifytest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/notices"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/store/catalog/trail"
	"sealgate/internal/transfer/remotes"
)

// tower is a service in an office, with checks that find what the test says.
type tower struct {
	*alarm.Service
	*notifytest.Office
	t      *testing.T
	found  []alarm.Condition
	fails  error
	mailer *alarm.Mailer
	people []string
}

func open(t *testing.T) *tower {
	t.Helper()
	w := &tower{Office: notifytest.Open(t), t: t, people: []string{"op@pay.example"}}
	w.mailer = &alarm.Mailer{
		Catalog: w.Catalog, Custody: w.Custody, Post: mail.New(mail.Server{}, w.Catalog, w.Custody, w.Clock.Now, func() bool { return true }, slog.New(slog.DiscardHandler)),
		Operators: func(context.Context) ([]string, error) { return w.people, nil }, Language: alarm.English, URL: "https://pay.example", Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler),
	}
	w.Service = alarm.New(alarm.Options{
		Catalog: w.Catalog, Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler), Tell: w.mailer.Tell,
		Checks: []alarm.Check{{Name: "test", Every: time.Minute, Look: func(context.Context) ([]alarm.Condition, error) { return w.found, w.fails }}},
	})
	return w
}

func (w *tower) round(found ...alarm.Condition) []*notices.Alarm {
	w.t.Helper()
	w.found = found
	w.Round(w.t.Context())
	w.Clock.Add(time.Minute)
	list, err := w.List(w.t.Context(), uuid.Nil, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *tower) actions() (list []string) {
	catalogtest.View(w.t, w.Catalog, func(tx *catalog.Tx) error {
		all, err := tx.AuditEntries(trail.Filter{Limit: -1})
		for _, e := range slices.Backward(all) {
			if strings.HasPrefix(e.Action, "alarm.") {
				list = append(list, e.Action)
			}
		}
		return err
	})
	return list
}

// letters are those that wait, opened.
func (w *tower) letters() (list []string) {
	w.t.Helper()
	var rows []*notices.Mail
	var system uuid.UUID
	catalogtest.View(w.t, w.Catalog, func(tx *catalog.Tx) error {
		sys, err := tx.AccountByName(catalog.SystemAccount)
		if err != nil {
			return err
		}
		system = sys.ID
		rows, err = tx.MailDue(w.Clock.Now(), w.Clock.Now(), 1000)
		return err
	})
	rec, err := w.Custody.Records(w.t.Context(), system)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, row := range rows {
		plain, err := rec.Open("mail", "message", row.ID, row.Message)
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, string(plain))
	}
	return list
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestAnAlarmIsRaisedOnceAndEnds(t *testing.T) {
	w := open(t)
	held := alarm.Condition{Account: w.Acme.ID, Kind: "files-held", Severity: alarm.Warning, Count: 2, Level: 7}
	list := w.round(held)
	if len(list) != 1 || list[0].State != notices.AlarmOpen || list[0].Account != w.Acme.ID || list[0].Count != 2 {
		t.Fatalf("%+v", list)
	}
	w.round(held)
	same(t, w.actions(), []string{"alarm.raised"})

	seen, err := w.See(t.Context(), "op", list[0].ID)
	if err != nil || seen.State != notices.AlarmSeen || seen.SeenBy != "op" {
		t.Fatalf("%+v, %v", seen, err)
	}
	held.Count = 1 // one was released: that is no news
	if list = w.round(held); list[0].State != notices.AlarmSeen || list[0].Count != 1 {
		t.Errorf("%+v", list[0])
	}
	held.Count, held.Level = 2, 8 // a new one
	if list = w.round(held); list[0].State != notices.AlarmOpen || list[0].SeenBy != "" {
		t.Errorf("%+v", list[0])
	}
	if list = w.round(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
	same(t, w.actions(), []string{"alarm.raised", "alarm.seen", "alarm.raised", "alarm.over"})
	all, err := w.List(t.Context(), uuid.Nil, true)
	if err != nil || len(all) != 1 || all[0].State != notices.AlarmOver {
		t.Errorf("%+v, %v", all, err)
	}
	if again := w.round(held); len(again) != 1 || again[0].ID == all[0].ID {
		t.Error("what comes back is not a new alarm")
	}
}

func TestACheckThatFailsSaysNothing(t *testing.T) {
	w := open(t)
	c := alarm.Condition{Kind: "disk-low", Severity: alarm.Critical, Count: 1}
	w.round(c)
	w.fails = errors.New("no answer")
	if list := w.round(); len(list) != 1 || list[0].State != notices.AlarmOpen {
		t.Errorf("%+v", list)
	}
	w.fails = nil
	if list := w.round(); len(list) != 0 {
		t.Errorf("%+v", list)
	}
}

func TestAccountsSeeTheirOwn(t *testing.T) {
	w := open(t)
	beta := w.Account("beta")
	w.round(alarm.Condition{Kind: "disk-low", Count: 1}, alarm.Condition{Account: w.Acme.ID, Kind: "files-held", Count: 1}, alarm.Condition{Account: beta.ID, Kind: "files-held", Count: 1})
	list, err := w.List(t.Context(), beta.ID, true)
	if err != nil || len(list) != 1 || list[0].Account != beta.ID {
		t.Errorf("%+v, %v", list, err)
	}
	if n, err := w.Open(t.Context()); err != nil || n != 3 {
		t.Errorf("%d open, %v", n, err)
	}
}

// A thousand held files are one letter to each, however they come in.
func TestAThousandHeldFilesAreOneLetter(t *testing.T) {
	w := open(t)
	if err := w.mailer.SetRecipients(t.Context(), "test", "acme", []alarm.Recipient{{"ekonomi@kund.example", alarm.Swedish}}); err != nil {
		t.Fatal(err)
	}
	files := alarm.Files(w.Catalog, w.Clock.Now)
	look := func() []alarm.Condition {
		t.Helper()
		found, err := files.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	hold := func(n int) {
		t.Helper()
		catalogtest.Update(t, w.Catalog, func(tx *catalog.Tx) error {
			for range n {
				f := &catalog.File{ID: catalogtest.ID(), Account: w.Acme.ID, Direction: catalog.In, State: catalog.Held, Body: catalog.Body{Kind: catalog.NoBody}}
				f.BeganAt, f.ReceivedAt = w.Clock.Now(), w.Clock.Now()
				if err := tx.InsertFile(f); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for range 10 {
		hold(100)
		w.round(look()...)
	}
	letters := w.letters()
	if len(letters) != 2 || !strings.Contains(letters[0], "acme: 100 files are held") || !strings.Contains(letters[1], "100 filer är stoppade") {
		t.Fatalf("%d letters: %q", len(letters), letters)
	}
	w.Clock.Add(time.Hour)
	w.round(look()...)
	if letters = w.letters(); len(letters) != 4 || !strings.Contains(letters[2], "1000 files") {
		t.Errorf("an hour later: %d letters: %q", len(letters), letters)
	}
	w.Clock.Add(5 * time.Hour)
	w.round(look()...)
	if letters = w.letters(); len(letters) != 4 {
		t.Errorf("nothing new: %d letters", len(letters))
	}
}

func TestWhoIsWrittenTo(t *testing.T) {
	w := open(t)
	w.people = []string{"op@pay.example", "not an address", "två@pay.example"}
	w.round(alarm.Condition{Kind: "clock-in-doubt", Count: 1})
	if letters := w.letters(); len(letters) != 1 || !strings.Contains(letters[0], `"to":"op@pay.example"`) || !strings.Contains(letters[0], "https://pay.example/alarms") {
		t.Fatalf("%q", letters)
	}
	if err := w.mailer.SetRecipients(t.Context(), "test", "system", []alarm.Recipient{{"jour@pay.example", alarm.Swedish}}); err != nil {
		t.Fatal(err)
	}
	w.round(alarm.Condition{Kind: "clock-in-doubt", Count: 1}, alarm.Condition{Account: w.Acme.ID, Kind: "files-held", Count: 1})
	letters := w.letters()
	if len(letters) != 2 || !strings.Contains(letters[1], "jour@pay.example") || !strings.Contains(letters[1], "acme: 1 fil är stoppad") || strings.Contains(letters[1], "klockan") {
		t.Fatalf("%q", letters)
	}
	for _, bad := range [][]alarm.Recipient{
		{{"nobody", alarm.Swedish}}, {{"a@b.example\r\nBcc: c@d.example", alarm.Swedish}}, {{"a@b.example", "de"}}, slices.Repeat([]alarm.Recipient{{"a@b.example", "sv"}}, 11),
	} {
		if err := w.mailer.SetRecipients(t.Context(), "test", "acme", bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%.60v: %v", bad, err)
		}
	}
	if err := w.mailer.SetRecipients(t.Context(), "test", "nobody", nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
}

func TestEveryKindHasWordsInBothLanguages(t *testing.T) {
	hole := regexp.MustCompile(`\{[^|}]*\}`)
	for _, kind := range alarm.Kinds() {
		a := &notices.Alarm{Kind: kind, Count: 2, Detail: map[string]string{"until": "2026-12-24", "since": "2026-12-24", "free": "2.0 GiB", "days": "7", "remote": "bank"}}
		svSays, svDo := alarm.Sentence(alarm.Swedish, a)
		enSays, enDo := alarm.Sentence(alarm.English, a)
		if svSays == enSays || svDo == enDo || svSays == kind || enDo == "" {
			t.Errorf("%s: %q, %q", kind, svSays, enSays)
		}
		for _, text := range []string{svSays, svDo, enSays, enDo} {
			if hole.MatchString(text) || strings.Contains(text, "  ") || strings.ContainsAny(text, "{}|") {
				t.Errorf("%s: %q", kind, text)
			}
		}
	}
	one := &notices.Alarm{Kind: "files-held", Count: 1}
	if says, _ := alarm.Sentence(alarm.English, one); says != "1 file is held and waits for a decision" {
		t.Errorf("%q", says)
	}
}

// What the checks find, and what they leave alone.
func TestChecks(t *testing.T) {
	o := notifytest.Open(t)
	now := o.Clock.Now
	kinds := func(c alarm.Check) (list []string) {
		t.Helper()
		found, err := c.Look(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if !slices.Contains(alarm.Kinds(), f.Kind) {
				t.Errorf("there are no words for %s", f.Kind)
			}
			list = append(list, f.Kind)
		}
		return list
	}
	want := func(c alarm.Check, want ...string) {
		t.Helper()
		same(t, kinds(c), want)
	}

	o.File(catalog.Held, "a", "file.held")
	o.File(catalog.Refused, "b", "file.refused")
	o.File(catalog.Kept, "c", "file.kept")
	o.File(catalog.WaitingRename, "d.part", "file.waiting-rename")
	want(alarm.Files(o.Catalog, now), "files-held", "files-refused")
	o.Clock.Add(25 * time.Hour)
	want(alarm.Files(o.Catalog, now), "files-held", "files-refused", "files-not-renamed")

	want(alarm.Keys(o.Custody.Warnings, o.Catalog, now))
	for _, code := range []string{
		keyring.WarnExpires, keyring.WarnExpired, keyring.WarnNoYear, keyring.WarnNoAccessKey, keyring.WarnNotConfirmed, keyring.WarnClosed,
		keyring.WarnRemoval, keyring.WarnMissing, keyring.WarnOlderData,
	} {
		want(alarm.Keys(func(context.Context) ([]keyring.Warning, error) {
			return []keyring.Warning{{Code: code, At: now()}}, nil
		}, o.Catalog, now), code)
	}

	const gib = 1 << 30
	for _, c := range []struct {
		free, total int64
		want        []string
	}{{500 * gib, 1000 * gib, nil}, {40 * gib, 1000 * gib, nil}, {9 * gib, 100 * gib, nil}, {4 * gib, 100 * gib, []string{"disk-low"}}, {gib / 2, 2 * gib, []string{"disk-low"}}} {
		want(alarm.Disk(func() (int64, int64, error) { return c.free, c.total, nil }), c.want...)
	}

	room := int64(4 * gib)
	disk := alarm.Disk(func() (int64, int64, error) { return room, 100 * gib, nil })
	want(disk, "disk-low")
	room = 5*gib + gib/2 // more, and not much more
	want(disk, "disk-low")
	room = 6 * gib
	want(disk)
	room = 5*gib + gib/2
	want(disk)

	want(alarm.Clock(func() bool { return true }))
	want(alarm.Clock(func() bool { return false }), "clock-in-doubt")
	want(alarm.Audit(func(context.Context) error { return nil }))
	want(alarm.Audit(func(context.Context) error { return fault.New(fault.Damaged, "audit", "x") }), "audit-damaged")
	if _, err := alarm.Audit(func(context.Context) error { return context.DeadlineExceeded }).Look(t.Context()); err == nil {
		t.Error("a verification that did not end says nothing")
	}

	none := func() (string, error) { return "", nil }
	want(alarm.KeyBackup(none, o.Catalog, func() time.Time { return now().Add(-24 * time.Hour) })) // it is an hour old
	want(alarm.KeyBackup(none, o.Catalog, now), "key-backup")
	want(alarm.KeyBackup(func() (string, error) { return "/media/keys", nil }, o.Catalog, now))
	want(alarm.KeyBackup(func() (string, error) { return "/media/keys", fault.New(fault.NotFound, "keys", "x") }, o.Catalog, now), "key-backup")
	want(alarm.DataBackup(o.Catalog, "last", now))
	o.Clock.Add(7 * 24 * time.Hour)
	want(alarm.DataBackup(o.Catalog, "last", now), "data-backup")
	catalogtest.Update(t, o.Catalog, func(tx *catalog.Tx) error { return tx.SetSetting("last", now().Format(time.RFC3339)) })
	want(alarm.DataBackup(o.Catalog, "last", now))
	o.Clock.Add(8 * 24 * time.Hour)
	want(alarm.DataBackup(o.Catalog, "last", now), "data-backup")
	ends := func(d time.Duration) func() (time.Time, error) {
		return func() (time.Time, error) { return now().Add(d), nil }
	}
	want(alarm.HTTPSCertificate(ends(60*24*time.Hour), now))
	want(alarm.HTTPSCertificate(ends(20*24*time.Hour), now), "https-certificate")
	want(alarm.HTTPSCertificate(ends(-time.Hour), now), "https-certificate")

	renewal := func(late bool, from time.Duration) alarm.Check {
		return alarm.Renewal(func() (bool, time.Time) { return late, now().Add(from) }, now)
	}
	want(renewal(false, 24*time.Hour))
	want(renewal(true, 20*24*time.Hour), "https-renewal")
	if found, err := renewal(true, -time.Hour).Look(t.Context()); err != nil || found[0].Severity != alarm.Critical {
		t.Errorf("%+v, %v", found, err)
	}

	hook := &notices.Webhook{ID: catalogtest.ID(), Account: o.Acme.ID, URL: []byte("sealed"), State: notices.WebhookOn, CreatedAt: now()}
	set := func(change func()) {
		t.Helper()
		change()
		catalogtest.Update(t, o.Catalog, func(tx *catalog.Tx) error { return tx.SaveWebhook(hook) })
	}
	catalogtest.Update(t, o.Catalog, func(tx *catalog.Tx) error { return tx.InsertWebhook(hook) })
	want(alarm.Webhooks(o.Catalog, now))
	set(func() { hook.FailingSince = now() })
	want(alarm.Webhooks(o.Catalog, now))
	o.Clock.Add(2 * time.Hour)
	want(alarm.Webhooks(o.Catalog, now), "webhook-failing")
	set(func() { hook.Failing = notices.FailingNoSecret })
	want(alarm.Webhooks(o.Catalog, now), "webhook-no-secret")
	set(func() { hook.State = notices.WebhookFailed })
	want(alarm.Webhooks(o.Catalog, now), "webhook-off")

	want(alarm.Mail(o.Catalog, now))
	catalogtest.Update(t, o.Catalog, func(tx *catalog.Tx) error {
		if err := tx.SetSetting(mail.LostSetting, now().Format(time.RFC3339)); err != nil {
			return err
		}
		return tx.InsertMail(&notices.Mail{ID: catalogtest.ID(), Message: []byte("sealed"), CreatedAt: now(), RunAt: now(), Attempts: 3})
	})
	want(alarm.Mail(o.Catalog, now), "mail-failing", "mail-lost")
}

// An alarm about a server says why by a code, in the reader's language: what was said
// of the last visit may name a file.
func TestARemoteThatFailsSaysWhyAndWhatToDo(t *testing.T) {
	bank := &table.Remote{ID: catalogtest.ID(), Name: "bank", Health: table.Health{Error: "identity"}}
	var all []remotes.Trouble
	for _, kind := range []string{remotes.Failing, remotes.FileExpected, remotes.PushWaiting} {
		all = append(all, remotes.Trouble{Remote: bank, Kind: kind, Since: time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC), Files: 2})
	}
	found, err := alarm.Remotes(func(context.Context) ([]remotes.Trouble, error) { return all, nil }).Look(t.Context())
	if err != nil || len(found) != 3 {
		t.Fatalf("%+v, %v", found, err)
	}
	for _, c := range found {
		if !slices.Contains(alarm.Kinds(), c.Kind) || c.Object != bank.ID.String() || c.Detail["remote"] != "bank" {
			t.Errorf("%+v", c)
		}
	}
	a := &notices.Alarm{Kind: found[0].Kind, Count: 1, Detail: found[0].Detail}
	says, do := alarm.Sentence(alarm.Swedish, a)
	if says != "besöken hos fjärrservern bank misslyckas sedan 2026-11-20 16:00 UTC: servern visar en annan nyckel eller ett annat certifikat än det som bekräftats" ||
		!strings.Contains(do, "bekräfta det nya fingeravtrycket") {
		t.Errorf("%q, %q", says, do)
	}
	a.Detail["code"] = "of-tomorrow"
	if says, do = alarm.Sentence(alarm.English, a); !strings.HasSuffix(says, "its visits go wrong") || !strings.HasPrefix(do, "test the remote") {
		t.Errorf("%q, %q", says, do)
	}
}

// What comes and goes each minute is not a letter each minute.
func TestWhatFlapsIsOneLetterAnHour(t *testing.T) {
	w := open(t)
	c := alarm.Condition{Kind: "disk-low", Severity: alarm.Warning, Count: 1}
	for range 20 {
		w.round(c)
		w.round()
	}
	if n := len(w.letters()); n != 1 {
		t.Errorf("%d letters in 40 minutes", n)
	}
	for range 15 {
		w.round(c)
		w.round()
	}
	if n := len(w.letters()); n != 2 {
		t.Errorf("%d letters in 70 minutes", n)
	}
}

// What is damaged of one account keeps no letter from others.
func TestOneAccountsDamageSilencesNobodyElse(t *testing.T) {
	w := open(t)
	beta := w.Account("beta")
	for _, name := range []string{"acme", "beta"} {
		if err := w.mailer.SetRecipients(t.Context(), "test", name, []alarm.Recipient{{name + "@kund.example", alarm.English}}); err != nil {
			t.Fatal(err)
		}
	}
	catalogtest.Update(t, w.Catalog, func(tx *catalog.Tx) error {
		return tx.SetRecipients(w.Acme.ID, []notices.Recipient{{ID: catalogtest.ID(), Account: w.Acme.ID, Address: []byte("not what was sealed"), Language: alarm.English}})
	})
	w.round(alarm.Condition{Account: w.Acme.ID, Kind: "files-held", Count: 1}, alarm.Condition{Account: beta.ID, Kind: "files-held", Count: 1})
	letters := strings.Join(w.letters(), "\n")
	if !strings.Contains(letters, "op@pay.example") || !strings.Contains(letters, "beta@kund.example") {
		t.Errorf("%q", letters)
	}
}

// A letter that was written by a clock that was ahead silences no alarm.
func TestAClockThatWasAheadSilencesNoAlarm(t *testing.T) {
	w := open(t)
	c := alarm.Condition{Account: w.Acme.ID, Kind: "files-held", Count: 1, Level: 1}
	w.round(c)
	w.Clock.Add(-48 * time.Hour)
	c.Level = 2
	w.round(c)
	w.Clock.Add(48 * time.Hour)
	if n := len(w.letters()); n != 2 {
		t.Errorf("%d letters", n)
	}
}

// The gateway's own keys are nobody's account.
func TestTheGatewaysOwnKeysAreItsOwnAlarm(t *testing.T) {
	w := open(t)
	var system uuid.UUID
	catalogtest.View(t, w.Catalog, func(tx *catalog.Tx) error {
		a, err := tx.AccountByName(catalog.SystemAccount)
		if err == nil {
			system = a.ID
		}
		return err
	})
	found, err := alarm.Keys(func(context.Context) ([]keyring.Warning, error) {
		return []keyring.Warning{{Account: system, Code: keyring.WarnMissing}, {Account: w.Acme.ID, Code: keyring.WarnMissing}}, nil
	}, w.Catalog, w.Clock.Now).Look(t.Context())
	if err != nil || len(found) != 2 || found[0].Account != uuid.Nil || found[1].Account != w.Acme.ID {
		t.Errorf("%+v, %v", found, err)
	}
}
