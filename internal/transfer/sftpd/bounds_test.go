package sftpd

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pkg/sftp"

	"sealgate/internal/store/catalog"
)

// A session that was open when its account was closed may send no more, neither
// a new file nor the end of one.
func TestAClosedAccountIsRefused(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	begun, err := c.OpenFile("/in/begun", fresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := begun.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	h.Update(func(tx *catalog.Tx) error {
		a, err := tx.Account(h.account.ID)
		if err != nil {
			return err
		}
		a.State = catalog.AccountClosed
		return tx.SaveAccount(a)
	})
	wantStatus(t, begun.Close(), 4, "the account is closed")
	_, err = c.OpenFile("/in/new", fresh)
	wantStatus(t, err, 4, "the account is closed")
	if len(h.received()) != 0 {
		t.Error("a closed account has a new file")
	}
	if !strings.Contains(h.logs.String(), "the account is closed") {
		t.Error("the log does not say why")
	}
}

// Buffers of their own are for a few sessions; the others transfer without.
func TestSessionsBeyondTheBuffersTransferToo(t *testing.T) {
	h := openHouse(t)
	var files []*sftp.File
	content := noise(3, 300_000)
	for i := range maxBuffers + 3 {
		f, err := h.sftp().OpenFile(fmt.Sprintf("/in/%d", i), fresh)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(append(slices.Clone(content), byte(i))); err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if n := h.server.buffers.used.Load(); n != maxBuffers {
		t.Errorf("%d sessions have buffers", n)
	}
	for _, f := range files {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := len(h.received()); n != len(files) {
		t.Errorf("%d files of %d", n, len(files))
	}
}
