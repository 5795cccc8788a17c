CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE delivery (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,  -- the order in which files were found
    folder   TEXT    NOT NULL,                   -- the watched folder; '' = named by a person
    path     TEXT    NOT NULL,                   -- where the file lies
    name     TEXT    NOT NULL,                   -- what it is called at the gateway
    at       TEXT    NOT NULL DEFAULT '',        -- where it will lie, or lies, once it was received; '' = nowhere
    size     INTEGER NOT NULL,
    modified INTEGER NOT NULL,                   -- as the file system says, in nanoseconds
    after    TEXT    NOT NULL,
    state    TEXT    NOT NULL,
    file     BLOB,                               -- its id at the gateway
    key      BLOB,                               -- the file key, from sealing to receipt
    header   BLOB,                               -- of the sealed file, likewise
    id       BLOB,                               -- the delivery id, once the content's hash is known
    sha256   BLOB,
    found    INTEGER NOT NULL,
    received INTEGER NOT NULL DEFAULT 0,
    done     INTEGER NOT NULL DEFAULT 0,
    tries    INTEGER NOT NULL DEFAULT 0,
    again    INTEGER NOT NULL DEFAULT 0,         -- not before this time
    code     TEXT    NOT NULL DEFAULT '',        -- what is wrong: a stable word
    problem  TEXT    NOT NULL DEFAULT '',        -- and a sentence
    resent   INTEGER NOT NULL DEFAULT 0          -- 1 = from where it was put away, for a gateway that lost it
) STRICT;

-- A file is on its way once: found again by the scan, it is the same delivery.
CREATE UNIQUE INDEX delivery_open ON delivery (path) WHERE state IN ('found', 'sealed', 'received');
CREATE INDEX delivery_due  ON delivery (seq) WHERE state IN ('found', 'sealed', 'received');
CREATE INDEX delivery_done ON delivery (done) WHERE state IN ('done', 'lost', 'gone');
CREATE INDEX delivery_lost ON delivery (seq) WHERE state = 'lost';
CREATE INDEX delivery_path ON delivery (path);

-- How far the parts of a large file were sent, and the SHA-256 of the content that
-- went with them: only the same content is continued.
CREATE TABLE mark (
    seq    INTEGER NOT NULL REFERENCES delivery (seq) ON DELETE CASCADE,
    slots  INTEGER NOT NULL,
    sha256 BLOB    NOT NULL,
    PRIMARY KEY (seq, slots)
) STRICT, WITHOUT ROWID;

-- Files of the outbox that were written here, so that one is fetched once.
CREATE TABLE fetched (
    file   BLOB PRIMARY KEY,
    name   TEXT    NOT NULL,                     -- of the account's file
    path   TEXT    NOT NULL,                     -- where it was written
    sha256 BLOB    NOT NULL,
    state  TEXT    NOT NULL,                     -- placing, written, or done: acknowledged
    at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
