-- A load is one reading of a file. It has a row here from its first batch of
-- payments until it is published, or, when it was dropped, until its payments
-- were swept; what is published in one transaction never has one.
CREATE TABLE load (
	id      INTEGER PRIMARY KEY,
	file    BLOB    NOT NULL,
	fence   INTEGER NOT NULL,
	dropped INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX load_file ON load (file) WHERE NOT dropped;

-- A file whose index was published. Its payments are those of one load:
-- payment.id >> 32 = rank. A younger load has a smaller rank, so that reading
-- upwards is reading the newest file first.
CREATE TABLE file (
	rank          INTEGER PRIMARY KEY,
	id            BLOB    NOT NULL UNIQUE,
	number        INTEGER NOT NULL, -- arrival number
	fence         INTEGER NOT NULL,
	index_version INTEGER NOT NULL,
	state         TEXT    NOT NULL CHECK (state IN ('visible', 'held', 'refused')),
	outward       INTEGER NOT NULL,
	released      INTEGER NOT NULL,
	taken         INTEGER NOT NULL, -- 0, or the turn in which its bytes and message ids became taken
	content_mac   BLOB,
	payments      INTEGER NOT NULL,
	first_date    TEXT,
	last_date     TEXT,
	summary       TEXT    NOT NULL  -- JSON
) STRICT;
CREATE INDEX file_content ON file (content_mac) WHERE taken > 0;
CREATE INDEX file_taken ON file (taken) WHERE taken > 0;

CREATE TABLE message (
	format TEXT NOT NULL,
	id     TEXT NOT NULL,
	file   BLOB NOT NULL,
	PRIMARY KEY (format, id, file)
) STRICT, WITHOUT ROWID;

-- id = rank << 32 | seq. What a search looks at has a column; all else is in
-- detail (see detail.go).
CREATE TABLE payment (
	id             INTEGER PRIMARY KEY,
	payee_folded   TEXT,
	amount         INTEGER,
	currency       TEXT,
	execution_date TEXT,
	detail         BLOB    NOT NULL
) STRICT;

-- What searches without a term walk over, of up to 1,000 payments at once (see
-- package row); last is the id of the last of them.
CREATE TABLE block (
	last   INTEGER PRIMARY KEY,
	packed BLOB NOT NULL
) STRICT;

-- What payments are looked up by: hashes of account numbers and references
-- (see term.go). One index for all of them, filled in sorted runs: an index
-- for each column would touch a page for each row.
CREATE TABLE term (
	hash    INTEGER NOT NULL,
	payment INTEGER NOT NULL,
	PRIMARY KEY (hash, payment)
) STRICT, WITHOUT ROWID;

-- Terms that have not come into the index yet.
CREATE TABLE young (
	payment INTEGER NOT NULL,
	hash    INTEGER NOT NULL,
	PRIMARY KEY (payment, hash)
) STRICT, WITHOUT ROWID;
