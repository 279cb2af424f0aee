-- The signing session of a nonce.
-- params: nonce text
SELECT s.id, s.batch_id, s.batch_rev, s.sign_by, s.signer_spki, s.statement, u.session_id IS NOT NULL AS used
FROM signing_session s LEFT JOIN signing_session_used u ON u.session_id = s.id WHERE s.nonce = $1
