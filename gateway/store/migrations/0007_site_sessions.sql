-- A session belongs to the portal or to one site. That of a site is born of one of the portal and
-- ends with it. `reason` says how its owner was admitted. The sessions of before belonged to hosts.
DELETE FROM sessions;

ALTER TABLE sessions ADD COLUMN parent INTEGER REFERENCES sessions (id) ON DELETE CASCADE;
ALTER TABLE sessions ADD COLUMN provider TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN second_factor INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN reason TEXT NOT NULL DEFAULT '';

CREATE INDEX sessions_by_parent ON sessions (parent);
