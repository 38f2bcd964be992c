-- What a session that began at an OpenID provider needs of it later: its tokens, sealed with a key of
-- this installation, and the name of the session there (empty if the provider gave none). `lease` is the
-- moment until which one node alone asks the provider for new ones.
CREATE TABLE provider_sessions (
    session          INTEGER PRIMARY KEY REFERENCES sessions (id) ON DELETE CASCADE,
    provider         TEXT    NOT NULL,
    issuer           TEXT    NOT NULL,
    subject          TEXT    NOT NULL,
    provider_session TEXT    NOT NULL DEFAULT '',
    sealed           BLOB    NOT NULL,
    renewed          INTEGER NOT NULL,
    lease            INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX provider_sessions_by_subject ON provider_sessions (issuer, subject);
CREATE INDEX provider_sessions_by_renewal ON provider_sessions (provider, renewed);
