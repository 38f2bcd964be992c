-- Nodes: gallery servers that registered themselves, or that somebody registered. The credential
-- itself is with the node alone: here is its SHA-256. State: 0 pending, 1 active.
CREATE TABLE nodes (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT    NOT NULL UNIQUE,
    adapter         TEXT    NOT NULL,
    upstream        TEXT    NOT NULL,
    credential_hash BLOB    NOT NULL UNIQUE CHECK (length(credential_hash) = 32),
    state           INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1)),
    created         INTEGER NOT NULL,
    changed         INTEGER NOT NULL
) STRICT;

-- Join tokens, by which new nodes register themselves. No number of uses left: none was set.
CREATE TABLE join_tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash BLOB    NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    label      TEXT    NOT NULL DEFAULT '',
    created    INTEGER NOT NULL,
    expires    INTEGER NOT NULL,
    uses_left  INTEGER CHECK (uses_left >= 0),
    used       INTEGER NOT NULL DEFAULT 0
) STRICT;
