-- An authenticator's secret, sealed with a key of this installation; `last_step` is the step of the
-- last code that was taken, so that none is taken twice. It counts from `confirmed` on.
CREATE TABLE authenticators (
    account   INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    sealed    BLOB    NOT NULL,
    confirmed INTEGER NOT NULL DEFAULT 0 CHECK (confirmed IN (0, 1)),
    last_step INTEGER NOT NULL DEFAULT 0,
    created   INTEGER NOT NULL
) STRICT;

-- Each is deleted when it is used.
CREATE TABLE recovery_codes (
    account   INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    code_hash BLOB    NOT NULL CHECK (length(code_hash) = 32),
    PRIMARY KEY (account, code_hash)
) STRICT;
