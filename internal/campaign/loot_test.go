package campaign

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/seal"
)

// loot is what a thief has: a copy of a data directory without keys/, or of a
// backup. What he does with it is written out here, against the bytes on the disk
// and with the sealed-file format only.
type loot struct {
	t   testing.TB
	dir string
	db  *sql.DB
}

// lootOf opens a copy of the loot, since a database changes when it is opened.
func lootOf(t testing.TB, dir string) *loot {
	t.Helper()
	l := &loot{t: t, dir: t.TempDir()}
	if err := copyTree(l.dir, dir, nil); err != nil {
		t.Fatal(err)
	}
	var err error
	if l.db, err = sql.Open("sqlite", "file:"+filepath.Join(l.dir, "catalog.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.db.Close() })
	return l
}

// bodies are the sealed bodies in the loot by file id, each as a file of its own.
func (l *loot) bodies() map[string]string {
	l.t.Helper()
	found := map[string]string{}
	add := func(path string, raw []byte) {
		if h, _, err := seal.ReadHeader(bytes.NewReader(raw)); err == nil {
			found[uuid.UUID(h.File).String()] = path
		}
	}
	for i, body := range column(l.t, l.db, `SELECT body FROM inline_body`) {
		path := filepath.Join(l.dir, fmt.Sprintf("inline-%d", i))
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			l.t.Fatal(err)
		}
		add(path, []byte(body))
	}
	err := filepath.WalkDir(filepath.Join(l.dir, "vault"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		add(path, raw)
		return err
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return found
}

// opens tries a sealed body with a key for each half; either may be nil. A half
// without its key is tried with what a thief can make up.
func opens(t testing.TB, sealed string, certificate crypto.PrivateKey, access hpke.PrivateKey) bool {
	t.Helper()
	raw, err := os.ReadFile(sealed)
	if err != nil {
		t.Fatal(err)
	}
	h, head, err := seal.ReadHeader(bytes.NewReader(raw))
	if err != nil {
		t.Fatalf("%s: %v", sealed, err)
	}
	var a, b []seal.Share
	for _, w := range h.Wraps {
		if w.Kind == seal.KindCertificate && certificate != nil {
			if s, err := seal.UnwrapByCertificate(w, certificate, h.Binding); err == nil {
				a = append(a, s)
			}
		}
		if access != nil {
			if s, err := seal.UnwrapByAccessKey(w, access, h.Binding); err == nil {
				b = append(b, s)
			}
		}
	}
	both := len(a) > 0 && len(b) > 0
	for _, made := range [][]seal.Share{a, b, {{}}} {
		for _, s := range made {
			a, b = append(a, s), append(b, s)
		}
	}
	for _, s := range a {
		for _, u := range b {
			if seal.VerifyHeader(head, seal.DeriveFileKey(s, u, h.File)) == nil {
				if !both {
					t.Errorf("%s: one half opens it", filepath.Base(sealed))
				}
				return true
			}
		}
	}
	return false
}

// recordReader opens the sealed columns of an account with its record key, as
// docs/data-protection.md says what they are sealed under.
type recordReader struct{ aead cipher.AEAD }

// records unwraps the record key of an account; nil when the key does not open it.
func (l *loot) records(account string, certificate crypto.PrivateKey) *recordReader {
	l.t.Helper()
	id := l.account(account)
	fp, err := seal.PrivateKeyFingerprint(certificate)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, text := range column(l.t, l.db, `SELECT wrapped FROM record_key WHERE account = ?`, id[:]) {
		wrapped := []byte(text)
		w := seal.Wrap{Kind: seal.KindCertificate, Alg: seal.WrapAlg(wrapped[0]), Key: fp, Data: wrapped[1:]}
		key, err := seal.UnwrapByCertificate(w, certificate, seal.Binding{Account: id})
		if err != nil {
			continue
		}
		derived, err := hkdf.Key(sha256.New, key[:], nil, "sealgate/v1 records", 32)
		if err != nil {
			l.t.Fatal(err)
		}
		block, err := aes.NewCipher(derived)
		if err != nil {
			l.t.Fatal(err)
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			l.t.Fatal(err)
		}
		return &recordReader{aead}
	}
	return nil
}

func (l *loot) account(name string) uuid.UUID {
	l.t.Helper()
	found := column(l.t, l.db, `SELECT id FROM account WHERE name = ?`, name)
	if len(found) != 1 {
		l.t.Fatalf("%d accounts have the name %s", len(found), name)
	}
	return uuid.UUID([]byte(found[0]))
}

// open opens one sealed value: the number of the record key (4), nonce, ciphertext.
func (r *recordReader) open(table, column string, row uuid.UUID, sealed []byte) (string, error) {
	if r == nil || len(sealed) < 4 {
		return "", fmt.Errorf("no record key, or no value")
	}
	var aad []byte
	for _, part := range [][]byte{[]byte("sealgate/v1 record"), []byte(table), []byte(column), row[:]} {
		aad = binary.BigEndian.AppendUint32(aad, uint32(len(part)))
		aad = append(aad, part...)
	}
	plain, err := r.aead.Open(nil, nil, sealed[4:], aad)
	return string(plain), err
}

// names opens one column of an account, of a table with the columns id and account.
func (l *loot) names(r *recordReader, account, table, name string) (list []string) {
	l.t.Helper()
	id := l.account(account)
	for _, text := range column(l.t, l.db, `SELECT id || `+name+` FROM `+table+` WHERE account = ? AND `+name+` IS NOT NULL ORDER BY id`, id[:]) {
		if plain, err := r.open(table, name, uuid.UUID([]byte(text[:16])), []byte(text[16:])); err == nil {
			list = append(list, plain)
		}
	}
	return list
}

// byGrant reports whether one of these ingest keys opens a file by its grant.
func (l *loot) byGrant(file string, ingest []hpke.PrivateKey) bool {
	l.t.Helper()
	id := uuid.MustParse(file)
	for _, text := range column(l.t, l.db, `SELECT account || data FROM file_grant JOIN file ON file.id = file_grant.file WHERE file.id = ? AND ingest_key IS NOT NULL`, id[:]) {
		for _, k := range ingest {
			if _, err := seal.OpenGrant([]byte(text[16:]), k, seal.Binding{File: id, Account: [16]byte([]byte(text[:16]))}); err == nil {
				return true
			}
		}
	}
	return false
}

// grants counts the grants of an account's files in the loot.
func (l *loot) grants(account string) int {
	l.t.Helper()
	id := l.account(account)
	return len(column(l.t, l.db, `SELECT file FROM file_grant WHERE ingest_key IS NOT NULL AND file IN (SELECT id FROM file WHERE account = ?)`, id[:]))
}
