package agent

import (
	"bytes"
	"crypto/hpke"
	"crypto/sha256"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/fetch"
	"sealgate/internal/agent/home"
	"sealgate/internal/fault"
)

func otherKey(t *testing.T) hpke.PrivateKey {
	t.Helper()
	k, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// opener is what `connect open` works with.
func (d *desk) opener(access hpke.PrivateKey) *fetch.Fetcher {
	return &fetch.Fetcher{Client: d.client, Disk: d.o.Disk, Access: access, Now: d.o.Now, As: home.Opened, Log: slog.New(slog.DiscardHandler)}
}

// A kept file is opened with the gateway's half and the access key, and with nothing
// else; --check writes nothing.
func TestOpenAKeptFile(t *testing.T) {
	g, key := agenttest.NewCustomer(t)
	d := newDesk(t, g, g.Plain.URL)
	content := random(5<<20 + 1)
	d.write("pay.xml", content)
	d.mustWork()
	f := g.Taken()[0]
	id := f.ID.String()
	out := filepath.Join(t.TempDir(), "opened.xml")
	if _, _, err := d.opener(key).Open(t.Context(), id, out, false); !fault.Is(err, fault.NotFound) {
		t.Errorf("before it is kept: %v", err)
	}
	g.Keep(f)
	for name, wrong := range map[string]hpke.PrivateKey{"another key": otherKey(t), "no key": nil} {
		if _, _, err := d.opener(wrong).Open(t.Context(), id, out, false); !fault.Is(err, fault.Locked) {
			t.Errorf("%s: %v", name, err)
		}
	}
	trailer, path, err := d.opener(key).Open(t.Context(), id, out, true)
	if err != nil || path != "" || trailer.Name != "pay.xml" || trailer.SHA256 != sha256.Sum256(content) {
		t.Errorf("check: %+v, %q, %v", trailer, path, err)
	}
	if _, err := os.Lstat(out); err == nil {
		t.Error("something was written")
	}
	if _, path, err = d.opener(key).Open(t.Context(), id, out, false); err != nil || path != out {
		t.Errorf("%q, %v", path, err)
	}
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, content) {
		t.Errorf("other bytes, %v", err)
	}
	if _, _, err = d.opener(key).Open(t.Context(), id, out, false); !fault.Is(err, fault.Exists) {
		t.Errorf("over a file: %v", err)
	}
}

// With customer-held keys what waits is opened here, as it comes.
func TestFetchingWithACustomerHeldKey(t *testing.T) {
	g, key := agenttest.NewCustomer(t)
	d := newDesk(t, g, g.Plain.URL)
	dir := d.withOutbox(home.Opened)
	content := random(300_000)
	d.answer("camt.053.xml", content)
	g.Ungrant()
	for name, wrong := range map[string]hpke.PrivateKey{"no key": nil, "another key": otherKey(t)} {
		d.o.Access = wrong
		d.restart()
		if r, err := d.Fetch(t.Context()); err != nil || len(r.Failed) != 1 || len(r.Files) != 0 {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if d.waiting() != 1 {
			t.Fatalf("%s: it was acknowledged", name)
		}
	}
	d.o.Access = key
	d.restart()
	if r, err := d.Fetch(t.Context()); err != nil || len(r.Files) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	d.only(dir, "camt.053.xml", content)
	if d.waiting() != 0 {
		t.Error("the gateway was not told")
	}
}

// What was fetched sealed opens here long after, when the gateway has nothing of it any
// more but its half of the key.
func TestOpenWhatWasFetchedSealed(t *testing.T) {
	g, key := agenttest.NewCustomer(t)
	d := newDesk(t, g, g.Plain.URL)
	dir := d.withOutbox(home.Sealed)
	content := random(300_000)
	d.answer("camt.053.xml", content)
	if r, err := d.Fetch(t.Context()); err != nil || len(r.Files) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	g.Clock.Add(60 * 24 * time.Hour)
	g.StartAnew()
	name := filepath.Join(dir, "camt.053.xml.sealed")
	out := filepath.Join(t.TempDir(), "camt.053.xml")
	if _, _, err := d.opener(otherKey(t)).Open(t.Context(), name, out, false); !fault.Is(err, fault.Locked) {
		t.Errorf("another key: %v", err)
	}
	if _, _, err := d.opener(key).Open(t.Context(), name, out, false); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, content) {
		t.Errorf("other bytes, %v", err)
	}
	// One that was changed does not, whatever opens it.
	sealed, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	sealed[len(sealed)/2] ^= 1
	if err := os.WriteFile(name, sealed, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.opener(key).Open(t.Context(), name, out+"2", false); !fault.Is(err, fault.Damaged) {
		t.Errorf("changed: %v", err)
	}
}
