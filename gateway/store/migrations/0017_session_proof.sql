-- When a session's owner last proved who they are. Where an OpenID provider's word began it, that is
-- when the provider says so, which may be long before; 0 if nobody says. What is for whoever signed
-- in a moment ago asks this.
ALTER TABLE sessions ADD COLUMN proved INTEGER NOT NULL DEFAULT 0;
