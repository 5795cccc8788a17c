-- +goose Up

-- Conventions: ids are the 16 bytes of a UUID, a reference to nothing is NULL.
-- Times are microseconds since 1970 UTC, 0 = none. Durations are seconds.
-- "sealed" columns are encrypted under the account's record key before they get
-- here. The integer primary keys "seq" give order within this database and are
-- never shown.
--
-- An arrival is one commit, and each tree that it touches is a page to write: so
-- the tables of an arrival have the fewest trees that answer what is asked. Rows
-- of some 200 bytes lie in the tree of their key (WITHOUT ROWID); larger ones
-- do not, for their trees would be deep.

CREATE TABLE setting (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE counter (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
);
INSERT INTO counter (name, value) VALUES ('file-number', 0), ('audit-size', 0);

CREATE TABLE account (
    id               BLOB PRIMARY KEY,
    name             TEXT NOT NULL UNIQUE,
    content          TEXT NOT NULL,
    keep_for         INTEGER NOT NULL,
    keys             TEXT NOT NULL,
    protect_database INTEGER NOT NULL,
    operator_access  TEXT NOT NULL,
    in_show_for      INTEGER NOT NULL,
    outbox_keep_for  INTEGER NOT NULL,
    temp_names       TEXT NOT NULL,
    require_both     INTEGER NOT NULL,
    require_factor   INTEGER NOT NULL,
    allow_from       BLOB, -- sealed
    key_period       TEXT NOT NULL,
    receipts         INTEGER NOT NULL,
    state            TEXT NOT NULL,
    created_at       INTEGER NOT NULL
);

-- Which node may open an account's database, and since which takeover.
CREATE TABLE account_owner (
    account     BLOB PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    node        TEXT NOT NULL,
    fence       INTEGER NOT NULL,
    lease_until INTEGER NOT NULL
);

CREATE TABLE certificate (
    fingerprint TEXT PRIMARY KEY,
    account     BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    der         BLOB NOT NULL,
    current     INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    remove_at   INTEGER NOT NULL,
    removed_at  INTEGER NOT NULL
);
CREATE INDEX certificate_account ON certificate (account, created_at);
CREATE INDEX certificate_due ON certificate (remove_at) WHERE remove_at > 0 AND removed_at = 0;

CREATE TABLE record_key (
    account     BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    wrapped     BLOB NOT NULL,
    PRIMARY KEY (account, fingerprint)
);

CREATE TABLE access_key (
    id              BLOB PRIMARY KEY,
    account         BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    fingerprint     TEXT NOT NULL,
    public          BLOB NOT NULL,
    held            TEXT NOT NULL,
    period          TEXT NOT NULL,
    confirmed       INTEGER NOT NULL,
    challenge       BLOB, -- SHA-256 of the answer that confirms the key
    challenge_until INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    remove_at       INTEGER NOT NULL,
    removed_at      INTEGER NOT NULL
);
CREATE INDEX access_key_account ON access_key (account, created_at);
CREATE INDEX access_key_due ON access_key (remove_at) WHERE remove_at > 0 AND removed_at = 0;

-- The combinations of keys that files were sealed under, one row for each that
-- was ever used: a file names its own by number.
CREATE TABLE file_lock (
    seq          INTEGER PRIMARY KEY,
    account      BLOB NOT NULL,
    certificates TEXT NOT NULL, -- JSON lists of fingerprints, sorted
    access_keys  TEXT NOT NULL,
    UNIQUE (account, certificates, access_keys)
);

-- Signed statements. One that is not signed yet is an act that was begun.
CREATE TABLE statement (
    seq        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    account    BLOB NOT NULL,
    kind       TEXT NOT NULL,
    object     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    text       BLOB,
    signed     INTEGER NOT NULL
);
CREATE INDEX statement_account ON statement (account, seq);
CREATE INDEX statement_unsigned ON statement (seq) WHERE signed = 0;

CREATE TABLE login (
    id         BLOB PRIMARY KEY,
    account    BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name       BLOB NOT NULL, -- sealed
    name_mac   BLOB,
    hash       TEXT NOT NULL,
    generated  INTEGER NOT NULL,
    short      INTEGER NOT NULL, -- the password is too short to be all that is asked for
    allow_from BLOB, -- sealed
    sftp       INTEGER NOT NULL,
    portal     INTEGER NOT NULL,
    role       TEXT NOT NULL,
    language   TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL
);
CREATE UNIQUE INDEX login_name ON login (name_mac) WHERE name_mac IS NOT NULL;
CREATE INDEX login_account ON login (account, created_at);

CREATE TABLE login_key (
    login       BLOB NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    fingerprint TEXT NOT NULL,
    blob        BLOB NOT NULL,
    PRIMARY KEY (login, fingerprint)
);

CREATE TABLE login_link (
    hash  BLOB PRIMARY KEY,
    login BLOB NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    kind  TEXT NOT NULL,
    nth   INTEGER NOT NULL,
    until INTEGER NOT NULL
);
CREATE INDEX login_link_login ON login_link (login);

CREATE TABLE login_source (
    login        BLOB NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    prefix_mac   BLOB NOT NULL,
    last_success INTEGER NOT NULL,
    PRIMARY KEY (login, prefix_mac)
);
CREATE INDEX login_source_last ON login_source (last_success);

-- Who is signed in to the portal, or on the way to it.
CREATE TABLE session (
    id         BLOB PRIMARY KEY,
    login      BLOB NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    hash       BLOB NOT NULL UNIQUE, -- SHA-256 of the cookie
    stage      TEXT NOT NULL,
    method     TEXT NOT NULL,
    stands     BLOB NOT NULL, -- MAC of what let this person in: when that changes, the session is over
    about      BLOB NOT NULL, -- sealed: from where, with what
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    proved_at  INTEGER NOT NULL,
    until      INTEGER NOT NULL
);
CREATE INDEX session_login ON session (login, created_at);

-- Second factors. The secret of one-time codes is in the key store.
CREATE TABLE totp (
    login      BLOB PRIMARY KEY REFERENCES login (id) ON DELETE CASCADE,
    last_step  INTEGER NOT NULL, -- of the code that was used last
    created_at INTEGER NOT NULL
);
CREATE TABLE recovery_code (
    login BLOB NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    mac   BLOB NOT NULL,
    PRIMARY KEY (login, mac)
);
CREATE TABLE passkey (
    id         BLOB PRIMARY KEY,
    login      BLOB NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    credential BLOB NOT NULL UNIQUE, -- the id by which the browser names it
    name       BLOB NOT NULL, -- sealed
    record     BLOB NOT NULL, -- JSON: the public key and what is known of the device
    created_at INTEGER NOT NULL,
    last_used  INTEGER NOT NULL
);
CREATE INDEX passkey_login ON passkey (login, created_at);

-- Where the people of an account may prove who they are, and whom the provider there
-- means. The client's secret is in the key store.
CREATE TABLE single_sign_on (
    account    BLOB PRIMARY KEY REFERENCES account (id) ON DELETE CASCADE,
    settings   BLOB NOT NULL, -- sealed
    secret     BLOB, -- how the key store names the client's secret; NULL: it has none
    changed_at INTEGER NOT NULL
);
CREATE TABLE login_subject (
    login BLOB PRIMARY KEY REFERENCES login (id) ON DELETE CASCADE,
    mac   BLOB NOT NULL UNIQUE -- of issuer and subject, under the record key
);

-- What was asked of a browser and has been answered: once.
CREATE TABLE ceremony (
    hash  BLOB PRIMARY KEY,
    until INTEGER NOT NULL
);

-- What lets programs in. Who runs the gateway has the built-in account's.
CREATE TABLE token (
    id         BLOB PRIMARY KEY,
    account    BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    hash       BLOB NOT NULL UNIQUE, -- SHA-256 of the secret
    name       BLOB NOT NULL, -- sealed
    role       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    last_used  INTEGER NOT NULL
);
CREATE INDEX token_account ON token (account, created_at);

CREATE TABLE throttle (
    key      BLOB PRIMARY KEY,
    tokens   REAL NOT NULL,
    at       INTEGER NOT NULL,
    failures INTEGER NOT NULL
);
CREATE INDEX throttle_at ON throttle (at);

CREATE TABLE file (
    number         INTEGER PRIMARY KEY, -- arrival number; a new one when it is received
    id             BLOB NOT NULL UNIQUE,
    account        BLOB NOT NULL,
    direction      TEXT NOT NULL,
    state          TEXT NOT NULL,
    source         TEXT NOT NULL,
    node           TEXT NOT NULL,
    login          BLOB, -- or the agent that has sent it
    name           BLOB, -- sealed
    name_mac       BLOB,
    reason         TEXT NOT NULL,
    began_at       INTEGER NOT NULL,
    received_at    INTEGER NOT NULL,
    indexed_at     INTEGER NOT NULL,
    ended_at       INTEGER NOT NULL,
    size           INTEGER NOT NULL,
    sha256         BLOB, -- sealed
    content_mac    BLOB,
    body_kind      TEXT NOT NULL,
    body_ref       TEXT NOT NULL,
    body_sealed    INTEGER NOT NULL,
    delivery_mac   BLOB,
    answered       INTEGER NOT NULL,
    resumed        INTEGER NOT NULL,
    format         TEXT NOT NULL,
    variant        TEXT NOT NULL,
    batch_count    INTEGER NOT NULL,
    payment_count  INTEGER NOT NULL,
    codes          TEXT NOT NULL,
    summary        BLOB, -- sealed
    keep           INTEGER NOT NULL,
    fence          INTEGER NOT NULL,
    lock           INTEGER NOT NULL, -- 0 = its header holds no wraps
    grant_slot     INTEGER NOT NULL  -- where its grant lies, or lay; 0 = it never had one
);
-- direction and source are there so that a filter by them looks at the index only.
CREATE INDEX file_account ON file (account, number, direction, source);
-- Files with findings: a filter by one looks at the index only. An arrival has none.
CREATE INDEX file_codes ON file (account, number, codes) WHERE codes <> '';
CREATE INDEX file_name ON file (account, name_mac, number) WHERE name_mac IS NOT NULL;
CREATE INDEX file_delivery ON file (account, delivery_mac, number) WHERE delivery_mac IS NOT NULL;
-- Nearly all files rest as deleted, kept or delivered and are listed by number;
-- workers, operators and start-up ask for the few others.
CREATE INDEX file_state ON file (state, number) WHERE state NOT IN ('deleted', 'kept', 'delivered');
-- What retention looks through, and what a key's removal concerns: only files
-- whose bodies are there. The first answers FirstKeptSince, and the second
-- SealedUnder, without the rows.
CREATE INDEX file_kept ON file (account, received_at, number) WHERE state = 'kept' AND body_kind <> 'none';
CREATE INDEX file_sealed ON file (lock, id, size, received_at) WHERE lock > 0 AND body_kind <> 'none';

-- Grants, all of one length, lie in slots that are filled, wiped in place and
-- used again, never deleted and never moved. When SQLite balances a tree it
-- leaves copies of the rows it moves in the unused part of pages, where
-- secure_delete does not reach: a table clustered by a random id, or one whose
-- rows grow, kept 2 or 3 of 2,000 deleted grants. A file names its slot and the
-- slot names its file: only when both agree is it the file's.
CREATE TABLE file_grant (
    seq        INTEGER PRIMARY KEY,
    file       BLOB,
    ingest_key TEXT, -- NULL = a free slot
    data       BLOB
);
CREATE INDEX file_grant_key ON file_grant (ingest_key);

CREATE TABLE inline_body (
    number INTEGER PRIMARY KEY, -- of the file
    size   INTEGER NOT NULL,
    body   BLOB NOT NULL
);

CREATE TABLE entry (
    id         BLOB PRIMARY KEY,
    login      BLOB NOT NULL REFERENCES login (id) ON DELETE CASCADE,
    parent     BLOB NOT NULL, -- 16 zeros = /in itself
    name_mac   BLOB NOT NULL,
    name       BLOB NOT NULL, -- sealed
    dir        INTEGER NOT NULL,
    file       BLOB, -- NULL = a folder
    mtime      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    until      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX entry_name ON entry (login, parent, name_mac);
CREATE INDEX entry_file ON entry (file) WHERE file IS NOT NULL;
CREATE INDEX entry_until ON entry (until) WHERE until > 0;

-- In the order in which they are leased: ids grow with time.
CREATE TABLE job (
    kind        TEXT NOT NULL,
    account     BLOB NOT NULL, -- 16 zeros = none
    id          BLOB NOT NULL,
    file        BLOB,
    state       INTEGER NOT NULL, -- 0 ready, 1 leased
    run_at      INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    worker      TEXT NOT NULL,
    last_error  TEXT NOT NULL,
    PRIMARY KEY (kind, account, id)
) WITHOUT ROWID;
CREATE INDEX job_leased ON job (lease_until) WHERE state = 1;

-- Where events are sent. One global counter says up to which audit number they were
-- turned into deliveries.
CREATE TABLE webhook (
    id            BLOB PRIMARY KEY,
    account       BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    url           BLOB NOT NULL, -- sealed
    events        TEXT NOT NULL, -- JSON list of types; empty = all
    state         TEXT NOT NULL,
    by_operator   INTEGER NOT NULL, -- 1 = who runs the gateway has added it
    since         INTEGER NOT NULL, -- audit number
    created_at    INTEGER NOT NULL,
    old_until     INTEGER NOT NULL,
    failing_since INTEGER NOT NULL,
    failing       TEXT NOT NULL, -- a code word
    retry_at      INTEGER NOT NULL,
    tries         INTEGER NOT NULL
);
CREATE INDEX webhook_account ON webhook (account, created_at);
INSERT INTO counter (name, value) VALUES ('webhook-cursor', 0);

CREATE TABLE webhook_delivery (
    seq        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    webhook    BLOB NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    event      BLOB NOT NULL, -- id of the audit entry
    type       TEXT NOT NULL,
    object     TEXT NOT NULL,
    event_at   INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    state      TEXT NOT NULL,
    run_at     INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    status     INTEGER NOT NULL,
    error      TEXT NOT NULL,
    ended_at   INTEGER NOT NULL
);
CREATE INDEX webhook_delivery_webhook ON webhook_delivery (webhook, seq);
CREATE INDEX webhook_delivery_waiting ON webhook_delivery (webhook, seq) WHERE state = 'waiting';
CREATE INDEX webhook_delivery_ended ON webhook_delivery (ended_at) WHERE ended_at > 0;

CREATE TABLE alarm (
    id         BLOB PRIMARY KEY,
    account    BLOB, -- NULL = the gateway's own
    checked_by TEXT NOT NULL,
    kind       TEXT NOT NULL,
    object     TEXT NOT NULL,
    state      TEXT NOT NULL,
    severity   TEXT NOT NULL,
    count      INTEGER NOT NULL,
    level      INTEGER NOT NULL,
    detail     TEXT NOT NULL, -- JSON object, keys sorted
    raised_at  INTEGER NOT NULL,
    mailed_at  INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    seen_by    TEXT NOT NULL,
    over_at    INTEGER NOT NULL
);
CREATE INDEX alarm_live ON alarm (id) WHERE state <> 'over';
CREATE INDEX alarm_over ON alarm (over_at) WHERE over_at > 0;

CREATE TABLE mail (
    id         BLOB PRIMARY KEY,
    message    BLOB NOT NULL, -- sealed
    created_at INTEGER NOT NULL,
    run_at     INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    error      TEXT NOT NULL
);

-- Whom an account's alarms are mailed to.
CREATE TABLE recipient (
    id       BLOB PRIMARY KEY,
    account  BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    address  BLOB NOT NULL, -- sealed
    language TEXT NOT NULL
);
CREATE INDEX recipient_account ON recipient (account);

-- Customers' own servers. What a remote is set to is sealed; its password or key is
-- in the key store.
CREATE TABLE remote (
    id            BLOB PRIMARY KEY,
    account       BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name          TEXT NOT NULL,
    direction     TEXT NOT NULL,
    settings      BLOB NOT NULL, -- sealed
    state         TEXT NOT NULL,
    by_operator   INTEGER NOT NULL, -- 1 = where it leads was said by who runs the gateway
    created_at    INTEGER NOT NULL,
    changed_at    INTEGER NOT NULL,
    next_run      INTEGER NOT NULL, -- 0 = by hand only
    planned_at    INTEGER NOT NULL, -- for when the newest run was planned that the schedule asked for
    holder        TEXT NOT NULL,    -- who runs it, until lease_until; empty = nobody
    fence         INTEGER NOT NULL,
    lease_until   INTEGER NOT NULL,
    last_run      INTEGER NOT NULL,
    last_ok       INTEGER NOT NULL,
    last_file     INTEGER NOT NULL,
    failing_since INTEGER NOT NULL,
    failures      INTEGER NOT NULL,
    error         TEXT NOT NULL,
    UNIQUE (account, name)
);
CREATE INDEX remote_due ON remote (next_run) WHERE state = 'on' AND next_run > 0;

-- What lies there, taken or not.
CREATE TABLE remote_look (
    remote     BLOB NOT NULL REFERENCES remote (id) ON DELETE CASCADE,
    path_mac   BLOB NOT NULL,
    size       INTEGER NOT NULL,
    mtime      INTEGER NOT NULL,
    list_size  INTEGER NOT NULL, -- as the folder's listing has it, which may differ
    list_mtime INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    since      INTEGER NOT NULL, -- its size and time are these since then
    last_seen  INTEGER NOT NULL,
    arrival    BLOB,             -- unfinished, to be resumed
    tries      INTEGER NOT NULL,
    result     TEXT NOT NULL,
    PRIMARY KEY (remote, path_mac)
) WITHOUT ROWID;

-- The ledger of what was taken. seen_mac is over path, size and time, taken_mac over
-- the content, too.
CREATE TABLE remote_taken (
    remote     BLOB NOT NULL REFERENCES remote (id) ON DELETE CASCADE,
    seen_mac   BLOB NOT NULL,
    taken_mac  BLOB NOT NULL,
    file       BLOB NOT NULL,
    taken_at   INTEGER NOT NULL,
    last_seen  INTEGER NOT NULL,
    after      TEXT NOT NULL, -- what became of it there
    tries      INTEGER NOT NULL,
    error      TEXT NOT NULL,
    PRIMARY KEY (remote, seen_mac, taken_mac)
) WITHOUT ROWID;
CREATE INDEX remote_taken_left ON remote_taken (remote, taken_at) WHERE after = 'due';
CREATE INDEX remote_taken_seen ON remote_taken (last_seen) WHERE after <> 'due';

-- Files of the outbox on their way to a remote, under the names they get there.
CREATE TABLE remote_push (
    remote     BLOB NOT NULL REFERENCES remote (id) ON DELETE CASCADE,
    file       BLOB NOT NULL,
    names      BLOB NOT NULL, -- sealed
    stage      TEXT NOT NULL,
    tries      INTEGER NOT NULL,
    run_at     INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    error      TEXT NOT NULL,
    PRIMARY KEY (remote, file)
) WITHOUT ROWID;
CREATE UNIQUE INDEX remote_push_claimed ON remote_push (file) WHERE stage = 'renaming'; -- it is about to get its name on one server only

CREATE TABLE remote_run (
    seq        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,
    remote     BLOB NOT NULL REFERENCES remote (id) ON DELETE CASCADE,
    fence      INTEGER NOT NULL, -- of the lease it has, or had
    by         TEXT NOT NULL,    -- who asked for it; empty = the schedule
    began_at   INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL,
    outcome    TEXT NOT NULL,
    seen       INTEGER NOT NULL,
    files      INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    error      TEXT NOT NULL,
    file_error TEXT NOT NULL,
    message    BLOB -- sealed
);
CREATE INDEX remote_run_remote ON remote_run (remote, seq);
CREATE INDEX remote_run_ended ON remote_run (ended_at) WHERE ended_at > 0;

-- Programs at customers' premises. One that was revoked stays: its files name it.
CREATE TABLE agent (
    id             BLOB PRIMARY KEY,
    account        BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name           BLOB NOT NULL, -- sealed
    sign_key       BLOB NOT NULL UNIQUE,
    receive_key    BLOB NOT NULL,
    may            TEXT NOT NULL, -- JSON list
    invited_by     TEXT NOT NULL,
    by_operator    INTEGER NOT NULL, -- 1 = what it may was last said by who runs the gateway
    state          TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    revoked_at     INTEGER NOT NULL,
    silent_after   INTEGER NOT NULL,
    last_seen      INTEGER NOT NULL,
    reported_at    INTEGER NOT NULL,
    version        TEXT NOT NULL,
    platform       TEXT NOT NULL,
    waiting        INTEGER NOT NULL,
    failed         INTEGER NOT NULL,
    oldest         INTEGER NOT NULL,
    error          TEXT NOT NULL,
    clock_off      INTEGER NOT NULL,
    folders        INTEGER NOT NULL,
    troubled_since INTEGER NOT NULL
);
CREATE INDEX agent_account ON agent (account, created_at);
CREATE INDEX agent_active ON agent (state) WHERE state = 'active';

CREATE TABLE invitation (
    id           BLOB PRIMARY KEY,
    code         BLOB NOT NULL UNIQUE,
    account      BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name         BLOB NOT NULL, -- sealed
    key          BLOB NOT NULL, -- sealed
    may          TEXT NOT NULL, -- JSON list
    invited_by   TEXT NOT NULL,
    by_operator  INTEGER NOT NULL,
    silent_after INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    until        INTEGER NOT NULL,
    wrong        INTEGER NOT NULL,
    used_by      BLOB -- the agent; NULL = nobody yet
);
CREATE INDEX invitation_account ON invitation (account, created_at);

-- What an agent calls a file of its own, and the file that it became.
CREATE TABLE agent_delivery (
    agent    BLOB NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    delivery BLOB NOT NULL,
    file     BLOB NOT NULL,
    taken_at INTEGER NOT NULL, -- 0 = the file is on its way
    PRIMARY KEY (agent, delivery)
) WITHOUT ROWID;
CREATE INDEX agent_delivery_open ON agent_delivery (file) WHERE taken_at = 0; -- with the agent in front, the primary key is taken and all he has sent is read

-- Looks at an account's contents that who runs the gateway has asked its people for.
CREATE TABLE approval (
    id          BLOB PRIMARY KEY,
    account     BLOB NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    reason      BLOB NOT NULL, -- sealed
    lasts       INTEGER NOT NULL, -- once it is allowed
    state       TEXT NOT NULL,
    asked_by    TEXT NOT NULL,
    asked_at    INTEGER NOT NULL,
    answered_by TEXT NOT NULL,
    answered_at INTEGER NOT NULL,
    until       INTEGER NOT NULL -- asked: to be answered by then; allowed: its end
);
CREATE INDEX approval_account ON approval (account, id);
CREATE INDEX approval_live ON approval (account, until) WHERE state IN ('asked', 'allowed');

-- Requests to the API that may come again under the same key, for a day.
CREATE TABLE request (
    hash    BLOB PRIMARY KEY,
    id      BLOB NOT NULL,
    print   BLOB NOT NULL, -- MAC of what was asked; as hash under the account's record key
    run     TEXT NOT NULL,
    account BLOB NOT NULL,
    sender  BLOB NOT NULL, -- MAC of who asked; as hash
    status  INTEGER NOT NULL, -- 0 = not answered yet
    media   TEXT NOT NULL,
    answer  BLOB, -- sealed; NULL: it is not kept
    until   INTEGER NOT NULL
);
CREATE INDEX request_until ON request (until);
CREATE INDEX request_account ON request (account, sender);

CREATE TABLE audit (
    id      BLOB PRIMARY KEY,
    number  INTEGER, -- place in the tree; NULL until the sequencer gave it one
    time    INTEGER NOT NULL,
    account BLOB,
    actor   TEXT NOT NULL,
    action  TEXT NOT NULL,
    object  TEXT NOT NULL,
    detail  TEXT NOT NULL -- JSON object, keys sorted
) WITHOUT ROWID;
CREATE INDEX audit_pending ON audit (id) WHERE number IS NULL;
-- The sequencer puts many entries into these at once, a second later.
CREATE UNIQUE INDEX audit_number ON audit (number) WHERE number IS NOT NULL;
CREATE INDEX audit_account ON audit (account, id) WHERE number IS NOT NULL;
CREATE INDEX audit_object ON audit (object, number) WHERE number IS NOT NULL;

-- The tree's hashes in tlog's stored order, and its signed heads.
CREATE TABLE audit_hash (
    number INTEGER PRIMARY KEY,
    hash   BLOB NOT NULL
);
CREATE TABLE audit_head (
    size INTEGER PRIMARY KEY,
    note BLOB NOT NULL
);

-- +goose Down
