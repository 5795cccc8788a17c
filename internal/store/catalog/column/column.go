// Package column is how Go values lie in the columns of the catalog, for both
// directions: a pointer to one of its types scans, a value of one is an argument.
package column

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ID is the 16 bytes of a UUID.
type ID uuid.UUID

func (c ID) Value() (driver.Value, error) { return c[:], nil }

func (c *ID) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(c) {
		return fmt.Errorf("id column holds %T", src)
	}
	*c = ID(b)
	return nil
}

// Ref is an ID that may refer to nothing: uuid.Nil is NULL.
type Ref uuid.UUID

func (c Ref) Value() (driver.Value, error) {
	if c == Ref(uuid.Nil) {
		return nil, nil
	}
	return c[:], nil
}

func (c *Ref) Scan(src any) error {
	*c = Ref(uuid.Nil)
	if src == nil {
		return nil
	}
	return (*ID)(c).Scan(src)
}

// Time is a time in microseconds since 1970 UTC; the zero time is 0.
type Time time.Time

func (c Time) Value() (driver.Value, error) {
	t := time.Time(c)
	if t.IsZero() {
		return int64(0), nil
	}
	return t.UnixMicro(), nil
}

func (c *Time) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("time column holds %T", src)
	}
	*c = Time{}
	if n != 0 {
		*c = Time(time.UnixMicro(n).UTC())
	}
	return nil
}

// Seconds is a duration in whole seconds.
type Seconds time.Duration

func (c Seconds) Value() (driver.Value, error) {
	return int64(time.Duration(c) / time.Second), nil
}

func (c *Seconds) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("duration column holds %T", src)
	}
	*c = Seconds(time.Duration(n) * time.Second)
	return nil
}

// Bool is 0 or 1.
type Bool bool

func (c Bool) Value() (driver.Value, error) {
	if c {
		return int64(1), nil
	}
	return int64(0), nil
}

func (c *Bool) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("yes-or-no column holds %T", src)
	}
	*c = n != 0
	return nil
}

// Texts is a list of texts as a JSON array; the empty list is the empty text.
type Texts []string

func (c Texts) Value() (driver.Value, error) {
	if len(c) == 0 {
		return "", nil
	}
	b, err := json.Marshal([]string(c))
	return string(b), err
}

func (c *Texts) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("list column holds %T", src)
	}
	*c = nil
	if s == "" {
		return nil
	}
	return json.Unmarshal([]byte(s), (*[]string)(c))
}

// Detail is an audit entry's detail as a JSON object with sorted keys. A
// text that is not exactly the encoding of what it says is refused: the tree
// is over the meaning, so there must be one text for each meaning.
type Detail map[string]string

func (c Detail) Value() (driver.Value, error) {
	b, err := c.encode()
	return string(b), err
}

func (c Detail) encode() ([]byte, error) {
	if len(c) == 0 {
		return nil, nil
	}
	return json.Marshal(map[string]string(c))
}

func (c *Detail) Scan(src any) error {
	s, ok := src.(string)
	if !ok {
		return fmt.Errorf("detail column holds %T", src)
	}
	*c = nil
	if s == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(s), (*map[string]string)(c)); err != nil {
		return err
	}
	if again, err := c.encode(); err != nil || !bytes.Equal(again, []byte(s)) {
		return fmt.Errorf("detail column is not in its canonical form")
	}
	return nil
}
