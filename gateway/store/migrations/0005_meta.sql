-- Random keys of this installation, and a counter that every change of accounts, grants and group
-- mappings moves in its own transaction, so that another process can notice.
CREATE TABLE keys (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL CHECK (length(value) = 32)
) STRICT;

CREATE TABLE counters (
    name  TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;

INSERT INTO counters (name, value) VALUES ('changes', 0);
