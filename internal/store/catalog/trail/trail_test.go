package trail_test

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/engine/enginetest"
	"sealgate/internal/store/catalog/trail"
)

// auditedLog is a log of 100 entries in 4 heads, and the head of the first 75
// as somebody outside kept it.
type auditedLog struct {
	t          *testing.T
	path       string
	signer     note.Signer
	verifier   note.Verifier
	checkpoint []byte
}

func newAuditedLog(t *testing.T) *auditedLog {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := audit.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := audit.NewVerifier(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	l := &auditedLog{t: t, path: filepath.Join(t.TempDir(), "c.db"), signer: signer, verifier: verifier}
	l.with(func(c *catalog.Catalog) {
		for part := range 4 {
			l.add(c, 25)
			if part == 2 {
				catalogtest.View(t, c, func(tx *catalog.Tx) (err error) {
					l.checkpoint, err = tx.AuditHead()
					return err
				})
			}
		}
	})
	if err := l.verify(l.checkpoint); err != nil {
		t.Fatalf("the log as it was written: %v", err)
	}
	return l
}

func (l *auditedLog) copy(t *testing.T) *auditedLog {
	t.Helper()
	b, err := os.ReadFile(l.path)
	if err != nil {
		t.Fatal(err)
	}
	twin := *l
	twin.t, twin.path = t, filepath.Join(t.TempDir(), "c.db")
	if err := os.WriteFile(twin.path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return &twin
}

func (l *auditedLog) with(fn func(*catalog.Catalog)) {
	l.t.Helper()
	c, err := catalog.Open(context.Background(), l.path, catalog.Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	fn(c)
	if err := c.Close(); err != nil {
		l.t.Fatal(err)
	}
}

func (l *auditedLog) add(c *catalog.Catalog, n int) {
	l.t.Helper()
	catalogtest.Update(l.t, c, func(tx *catalog.Tx) error {
		for range n {
			err := tx.Audit(audit.Entry{
				Actor: audit.Gateway, Action: "file.received", Object: catalogtest.ID().String(),
				Detail: map[string]string{"size": "1", "door": "sftp"},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if got, err := c.Sequence(context.Background(), l.signer); err != nil || got != n {
		l.t.Fatalf("%d entries sequenced, %v", got, err)
	}
}

func (l *auditedLog) verify(checkpoint []byte) (err error) {
	l.t.Helper()
	l.with(func(c *catalog.Catalog) {
		_, err = c.VerifyAudit(context.Background(), l.verifier, checkpoint)
	})
	return err
}

// tamper does what an intruder does who owns the database file but not the
// identity key.
func (l *auditedLog) tamper(statements ...string) {
	l.t.Helper()
	db, err := sql.Open("sqlite", l.path)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			l.t.Fatalf("%s: %v", s, err)
		}
	}
	if err := db.Close(); err != nil {
		l.t.Fatal(err)
	}
}

func TestLogEditDetected(t *testing.T) {
	const row = ` WHERE number = 60`
	written := newAuditedLog(t)
	for name, statements := range map[string][]string{
		"action":        {`UPDATE audit SET action = 'file.sent'` + row},
		"actor":         {`UPDATE audit SET actor = 'nobody'` + row},
		"object":        {`UPDATE audit SET object = ''` + row},
		"account":       {`UPDATE audit SET account = x'01a20065277870edb64129b4d1e9295f'` + row},
		"time":          {`UPDATE audit SET time = time + 1` + row},
		"id":            {`UPDATE audit SET id = x'01a20065277870edb64129b4d1e9295f'` + row},
		"detail":        {`UPDATE audit SET detail = '{"door":"sftp","size":"2"}'` + row},
		"detail text":   {`UPDATE audit SET detail = '{"door":"sftp", "size":"1"}'` + row},
		"detail hidden": {`UPDATE audit SET detail = '{"door":"sftp","size":"2","size":"1"}'` + row},
		"deleted":       {`DELETE FROM audit` + row},
		"closed up":     {`DELETE FROM audit` + row, `UPDATE audit SET number = -number WHERE number > 60`, `UPDATE audit SET number = -number - 1 WHERE number < -60`},
		"first one":     {`DELETE FROM audit WHERE number = 0`},
		"unnumbered":    {`UPDATE audit SET number = NULL` + row},
		"re-ordered":    {`UPDATE audit SET number = -60` + row, `UPDATE audit SET number = 60 WHERE number = 61`, `UPDATE audit SET number = 61 WHERE number = -60`},
		"inserted":      {`INSERT INTO audit (id, number, time, account, actor, action, object, detail) VALUES (x'01a20065277870edb64129b4d1e9295f', 100, 1, NULL, 'gateway', 'file.received', '', '')`},
		"hash":          {`UPDATE audit_hash SET hash = zeroblob(32) WHERE number = 3`},
		"hashes gone":   {`DELETE FROM audit_hash WHERE number > 100`},
		"head":          {`UPDATE audit_head SET note = replace(CAST(note AS TEXT), 'sealgate', 'sealgat3') WHERE size = 50`},
		"head moved":    {`UPDATE audit_head SET size = 51 WHERE size = 50`, `UPDATE audit_head SET note = (SELECT note FROM audit_head WHERE size = 25) WHERE size = 51`},
		"last head":     {`DELETE FROM audit_head WHERE size = 100`},
	} {
		t.Run(name, func(t *testing.T) {
			l := written.copy(t)
			l.tamper(statements...)
			err := l.verify(nil)
			if !fault.Is(err, fault.Damaged) {
				t.Fatalf("verification says %v", err)
			}
			if strings.Contains(fault.Message(err), "SQL") {
				t.Errorf("message %q", fault.Message(err))
			}
		})
	}
}

// truncation removes the last half of the log with every trace of it.
var truncation = []string{
	`DELETE FROM audit WHERE number >= 50`, `DELETE FROM audit_head WHERE size > 50`,
	`DELETE FROM audit_hash WHERE number >= 97`, // tlog.StoredHashCount(50)
	`UPDATE counter SET value = 50 WHERE name = 'audit-size'`,
}

func TestLogTruncateDetected(t *testing.T) {
	l := newAuditedLog(t)
	l.tamper(truncation...)
	if err := l.verify(nil); err != nil {
		t.Fatalf("a cut without a trace needs a head kept elsewhere, and this one left a trace: %v", err)
	}
	if err := l.verify(l.checkpoint); !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), "cut") {
		t.Fatalf("with the head kept elsewhere: %v", err)
	}
}

func TestLogForkDetected(t *testing.T) {
	l := newAuditedLog(t)
	l.tamper(truncation...)
	// The gateway goes on, with its real key, from the cut.
	l.with(func(c *catalog.Catalog) { l.add(c, 60) })
	if err := l.verify(nil); err != nil {
		t.Fatalf("the fork by itself is a good log: %v", err)
	}
	if err := l.verify(l.checkpoint); !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), "fork") {
		t.Fatalf("with the head kept elsewhere: %v", err)
	}
}

func TestVerifyRefusesForeignCheckpoints(t *testing.T) {
	l := newAuditedLog(t)
	for name, checkpoint := range map[string][]byte{
		"empty":   {},
		"changed": []byte(strings.Replace(string(l.checkpoint), "\n75\n", "\n74\n", 1)),
	} {
		if err := l.verify(checkpoint); !fault.Is(err, fault.Damaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestVerifyWhileTheLogGrows: entries and heads that come during a
// verification are no damage.
func TestVerifyWhileTheLogGrows(t *testing.T) {
	l := newAuditedLog(t)
	l.with(func(c *catalog.Catalog) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 40 {
				l.add(c, 7)
			}
		}()
		for grown := false; !grown; {
			if _, err := c.VerifyAudit(context.Background(), l.verifier, l.checkpoint); err != nil {
				t.Error(err)
			}
			select {
			case <-done:
				grown = true
			default:
			}
		}
	})
}

// TestRunSequences: the catalog's own goroutine signs what is written.
func TestRunSequences(t *testing.T) {
	l := newAuditedLog(t)
	l.with(func(c *catalog.Catalog) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		ended := make(chan error)
		go func() { ended <- c.Run(ctx, l.signer) }()
		catalogtest.Update(t, c, func(tx *catalog.Tx) error {
			return tx.Audit(audit.Entry{Actor: audit.Gateway, Action: "gateway.started"})
		})
		for report := (audit.Report{}); report.Entries < 101 && ctx.Err() == nil; {
			var err error
			if report, err = c.VerifyAudit(ctx, l.verifier, nil); err != nil && ctx.Err() == nil {
				t.Fatal(err)
			}
		}
		if ctx.Err() != nil {
			t.Error("the entry was not sequenced")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestHurry: who waits for numbered entries does not wait for the next second, as long
// as that is not all the time.
func TestHurry(t *testing.T) {
	l := newAuditedLog(t)
	l.with(func(c *catalog.Catalog) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- c.Run(ctx, l.signer) }()
		size := func() (n int64) {
			catalogtest.View(t, c, func(tx *catalog.Tx) (err error) { n, err = tx.AuditSize(); return err })
			return n
		}
		const entries, tick = 8, time.Second
		soon := 0
		for range entries {
			before, began := size(), time.Now()
			catalogtest.Update(t, c, func(tx *catalog.Tx) error {
				return tx.Audit(audit.Entry{Actor: audit.Gateway, Action: "gateway.started"})
			})
			for c.HurryAudit(); size() == before; {
				c.HurryAudit()
			}
			if time.Since(began) < tick*3/4 {
				soon++
			}
		}
		if soon < entries/2 { // not all: the machine may have stood still
			t.Errorf("of %d entries, one after the other, only %d were numbered before the next tick", entries, soon)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestListsUseIndexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	catalogtest.OpenAt(t, path, catalog.Options{})
	enginetest.WantIndexes(t, path, trail.Indexes)
}
