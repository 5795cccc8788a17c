package engine

import (
	"strings"
	"testing"

	"sealgate/internal/fault"
)

// TestWhatIsNotUnderstoodIsRefused: a value of another type than the reader or
// the database takes is an error, never a zero.
func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	db := openTest(t)
	if err := db.Update(t.Context(), func(tx *Tx) error { return put(tx, "text", []byte("x")) }); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(Scan) (struct{}, error){
		"text as a number": func(row Scan) (v struct{}, err error) { return v, row(new(int64), new([]byte)) },
		"bytes as text":    func(row Scan) (v struct{}, err error) { return v, row(new(string), new(string)) },
		"an unknown type":  func(row Scan) (v struct{}, err error) { return v, row(new(string), new(int)) },
		"too few columns":  func(row Scan) (v struct{}, err error) { return v, row(new(string)) },
	} {
		err := db.View(t.Context(), func(tx *Tx) error {
			_, err := One(tx, "read", read, `SELECT key, value FROM thing`)
			return err
		})
		if !fault.Is(err, fault.Damaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := db.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.Exec("write", `UPDATE thing SET value = ?`, struct{}{})
		return err
	})
	if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "argument 1") {
		t.Errorf("an argument of no known type: %v", err)
	}
}

// TestUpdatesThatFailAloneLeaveNothing: without a savepoint of their own, too.
func TestUpdatesThatFailAloneLeaveNothing(t *testing.T) {
	db := openTest(t)
	for range 3 {
		err := db.Update(t.Context(), func(tx *Tx) error {
			if err := put(tx, "a", nil); err != nil {
				return err
			}
			return fault.New(fault.Denied, "test", "no")
		})
		if !fault.Is(err, fault.Denied) {
			t.Fatalf("error %v", err)
		}
	}
	if err := db.Update(t.Context(), func(tx *Tx) error { return put(tx, "b", nil) }); err != nil {
		t.Fatal(err)
	}
	if err := db.View(t.Context(), func(tx *Tx) error {
		if has(tx, "a") || !has(tx, "b") {
			t.Error("what was refused is stored, or what was taken is not")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
