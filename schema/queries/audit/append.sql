-- Adds an entry to the inbox, in the transaction of what it tells.
-- params: at timestamptz, actor text, verb text, subject text, body text
INSERT INTO audit_inbox (at, actor, verb, subject, body) VALUES ($1, $2, $3, $4, $5)
