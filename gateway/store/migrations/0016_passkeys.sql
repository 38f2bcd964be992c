-- Passkeys (WebAuthn): public keys whose private halves stay in an authenticator. What never
-- changes of one and what changes with each use are kept as the library writes them. Each is good
-- at the host alone at which it was made.
CREATE TABLE passkeys (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account     INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    credential  BLOB    NOT NULL UNIQUE CHECK (length(credential) BETWEEN 16 AND 1023),
    host        TEXT    NOT NULL,
    fixed       BLOB    NOT NULL,
    moving      BLOB    NOT NULL,
    name        TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    last_used   INTEGER,
    last_client TEXT
) STRICT;

CREATE INDEX passkeys_by_account ON passkeys (account);
