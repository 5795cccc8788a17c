package connectd_test

import (
	"bytes"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/connect"
)

// What is damaged in the gateway is its own trouble, and in its log: an agent that heard
// "damaged" would give its file up. Of what an agent seals wrongly the log says so.
func TestWhatIsDamagedHereIsNotTheAgentsDoing(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	content := noise(1, 1000)
	p := c.seal("pay.xml", content)
	var got connect.Progress
	c.check(c.call(connect.PathWhole, p.begin, p.object, &got))
	db, err := sql.Open("sqlite", "file:"+filepath.Join(h.Dir, "catalog.db")+"?_pragma=busy_timeout(5000)")
	c.check(err)
	defer db.Close()
	spoil := func(file []byte) {
		_, err := db.Exec("UPDATE agent_delivery SET file = ?", file)
		c.check(err)
	}
	spoil([]byte{1})
	for _, path := range []string{connect.PathWhole, connect.PathDeliveries} {
		object := p.object
		if path == connect.PathDeliveries {
			object = nil
		}
		c.refused(c.call(path, p.begin, object, &got), connect.Internal)
	}
	if n := strings.Count(h.log.b.String(), "level=ERROR"); n != 2 {
		t.Errorf("%d errors in the log", n)
	}
	spoil(p.begin.File[:]) // and repaired
	c.check(c.call(connect.PathWhole, p.begin, p.object, &got))
	c.proved(got, p)

	wrong := c.seal("other.xml", content)
	wrong.object = bytes.Clone(wrong.object)
	wrong.object[len(wrong.object)-1] ^= 1
	for range 20 {
		c.refused(c.call(connect.PathWhole, wrong.begin, wrong.object, &got), connect.Damaged)
	}
	if n := strings.Count(h.log.b.String(), "has sealed a file wrongly"); n == 0 || n == 20 {
		t.Errorf("%d lines in the log of what was sealed wrongly", n)
	}
}
