-- A signing session over a batch that is as it was read.
-- params: batch bigint, rev int, now timestamptz, sign_by timestamptz, nonce text, signer text, actor text, statement bytea
WITH made AS (
  INSERT INTO signing_session (batch_id, batch_rev, minted_at, sign_by, nonce, role, signer_spki, opened_by, statement)
  SELECT id, rev, $3, $4, $5, 'ceo', $6, $7, $8 FROM batch WHERE id = $1 AND rev = $2 AND state = 1 RETURNING id)
SELECT expect((SELECT count(*) FROM made), 1, 'the batch') AS made
