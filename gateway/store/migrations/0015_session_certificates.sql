-- The client certificate that a session is bound to: the SHA-256 of its DER. None: any connection will
-- do. A session at a site has that of the session at the portal that it was born of.
ALTER TABLE sessions ADD COLUMN client_certificate BLOB CHECK (length(client_certificate) = 32);
