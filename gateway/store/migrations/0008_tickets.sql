-- What may be used once: a code between portal and site, a sign-in that is under way at a provider,
-- the first administrator's invitation. `key_hash` is the SHA-256 of a random token, or of what may
-- not come twice.
CREATE TABLE tickets (
    key_hash BLOB    PRIMARY KEY CHECK (length(key_hash) = 32),
    purpose  TEXT    NOT NULL,
    payload  TEXT    NOT NULL,
    expires  INTEGER NOT NULL
) STRICT;

CREATE INDEX tickets_by_expiry ON tickets (expires);
