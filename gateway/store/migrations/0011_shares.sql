-- Links that somebody made to show a folder or an image to whoever opens them. The token itself is
-- in the link alone: here is its SHA-256. No end and no number of openings left: none was set.
CREATE TABLE shares (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash    BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    site          TEXT    NOT NULL,
    path          TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    maker         INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    label         TEXT    NOT NULL DEFAULT '',
    password_hash TEXT,
    created       INTEGER NOT NULL,
    expires       INTEGER,
    uses_left     INTEGER CHECK (uses_left >= 0),
    opened        INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX shares_by_site ON shares (site);
CREATE INDEX shares_by_maker ON shares (maker);

-- Who opened one: a browser, by the SHA-256 of its token, or an account.
CREATE TABLE share_openings (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    share      INTEGER NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
    token_hash BLOB    CHECK (length(token_hash) = 32),
    account    INTEGER REFERENCES accounts (id) ON DELETE CASCADE,
    opened     INTEGER NOT NULL,
    CHECK ((token_hash IS NULL) <> (account IS NULL)),
    UNIQUE (share, token_hash),
    UNIQUE (share, account)
) STRICT;

CREATE INDEX share_openings_by_token ON share_openings (token_hash);
CREATE INDEX share_openings_by_account ON share_openings (account);
