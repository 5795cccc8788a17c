package catalog

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// The types below are how Go values lie in columns, for both directions: a
// pointer to one scans, a value of one is an argument.

// idCol is the 16 bytes of a UUID.
type idCol uuid.UUID

func (c idCol) Value() (driver.Value, error) { return c[:], nil }

func (c *idCol) Scan(src any) error {
	b, ok := src.([]byte)
	if !ok || len(b) != len(c) {
		return fmt.Errorf("id column holds %T", src)
	}
	*c = idCol(b)
	return nil
}

// refCol is an idCol that may refer to nothing: uuid.Nil is NULL.
type refCol uuid.UUID

func (c refCol) Value() (driver.Value, error) {
	if c == refCol(uuid.Nil) {
		return nil, nil
	}
	return c[:], nil
}

func (c *refCol) Scan(src any) error {
	*c = refCol(uuid.Nil)
	if src == nil {
		return nil
	}
	return (*idCol)(c).Scan(src)
}

// timeCol is a time in microseconds since 1970 UTC; the zero time is 0.
type timeCol time.Time

func (c timeCol) Value() (driver.Value, error) {
	t := time.Time(c)
	if t.IsZero() {
		return int64(0), nil
	}
	return t.UnixMicro(), nil
}

func (c *timeCol) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("time column holds %T", src)
	}
	*c = timeCol{}
	if n != 0 {
		*c = timeCol(time.UnixMicro(n).UTC())
	}
	return nil
}

// secondsCol is a duration in whole seconds.
type secondsCol time.Duration

func (c secondsCol) Value() (driver.Value, error) {
	return int64(time.Duration(c) / time.Second), nil
}

func (c *secondsCol) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("duration column holds %T", src)
	}
	*c = secondsCol(time.Duration(n) * time.Second)
	return nil
}

// boolCol is 0 or 1.
type boolCol bool

func (c boolCol) Value() (driver.Value, error) {
	if c {
		return int64(1), nil
	}
	return int64(0), nil
}

func (c *boolCol) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("yes-or-no column holds %T", src)
	}
	*c = n != 0
	return nil
}

// listCol is a list of texts as a JSON array; the empty list is the empty text.
type listCol []string

func (c listCol) Value() (driver.Value, error) {
	if len(c) == 0 {
		return "", nil
	}
	b, err := json.Marshal([]string(c))
	return string(b), err
}

func (c *listCol) Scan(src any) error {
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

// detailCol is an audit entry's detail as a JSON object with sorted keys. A
// text that is not exactly the encoding of what it says is refused: the tree
// is over the meaning, so there must be one text for each meaning.
type detailCol map[string]string

func (c detailCol) Value() (driver.Value, error) {
	b, err := c.encode()
	return string(b), err
}

func (c detailCol) encode() ([]byte, error) {
	if len(c) == 0 {
		return nil, nil
	}
	return json.Marshal(map[string]string(c))
}

func (c *detailCol) Scan(src any) error {
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
