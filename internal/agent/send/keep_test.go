package send

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"sealgate/internal/durable"
)

// Receipts are kept while the gateway is asked for the account's keys, and does not answer.
func TestReceiptsAreKeptWhileTheGatewayIsAsked(t *testing.T) {
	s := &Sender{Disk: durable.OS, Receipts: filepath.Join(t.TempDir(), "receipts"), Now: time.Now}
	s.mu.Lock() // as Lock does while it asks
	defer s.mu.Unlock()
	for range 2 {
		if err := s.keep(uuid.New(), []byte("receipt")); err != nil {
			t.Fatal(err)
		}
	}
}

// asked notes which folders were synced.
type asked struct {
	durable.FS
	dirs []string
}

func (a *asked) SyncDir(dir string) error {
	a.dirs = append(a.dirs, dir)
	return a.FS.SyncDir(dir)
}

// The first receipt of all is found again after a power cut, as are those of a new month:
// each folder that was made for it is synced where its name is.
func TestTheFoldersOfReceiptsLast(t *testing.T) {
	disk := &asked{FS: durable.OS}
	s := &Sender{Disk: disk, Receipts: filepath.Join(t.TempDir(), "receipts"), Now: time.Now}
	if err := s.keep(uuid.New(), []byte("receipt")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Dir(s.Receipts), s.Receipts} {
		if !slices.Contains(disk.dirs, dir) {
			t.Errorf("%s was not synced, only %v", dir, disk.dirs)
		}
	}
}

// A name that is as long as names may be has a place beside another of that name.
func TestALongNameHasAPlaceBeside(t *testing.T) {
	file := uuid.MustParse("01234567-89ab-7cde-8f01-23456789abcd")
	for _, name := range []string{strings.Repeat("a", 251) + ".xml", strings.Repeat("å", 125) + ".xml", "." + strings.Repeat("x", 254)} {
		got := beside(name, file)
		if len(got) > 255 || !utf8.ValidString(got) || !strings.Contains(got, "23456789abcd") || got == name {
			t.Errorf("%q of %q", got, name)
		}
	}
	if got := beside("pay.xml", file); got != "pay.23456789abcd.xml" {
		t.Errorf("%q", got)
	}
}
