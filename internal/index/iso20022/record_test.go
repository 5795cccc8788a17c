package iso20022

import (
	"strconv"
	"testing"
)

func TestIDSetIsBounded(t *testing.T) {
	s := newIDSet()
	for i := range maxIDs + 1000 {
		if s.add(strconv.AppendInt(nil, int64(i), 10)) {
			t.Fatalf("%d was never added", i)
		}
	}
	if len(s.seen) != maxIDs {
		t.Errorf("%d ids are remembered", len(s.seen))
	}
	if !s.add([]byte("7")) {
		t.Error("an early id was forgotten")
	}
}

func TestRecordKeepsTheFirst(t *testing.T) {
	var r record
	for _, v := range []string{" ", "\n first ", "second"} {
		r.put(fName, []byte(v))
	}
	r.put(fBIC, []byte("bic"))
	if string(r.get(fName)) != "first" || string(r.get(fBIC)) != "bic" || len(r.text) != len("firstbic") {
		t.Errorf("%q %q %q", r.get(fName), r.get(fBIC), r.text)
	}
}
