-- write: takes a message that is to be released, for a minute; no row: another hub has it. $1 bucket, $2 tenant, $3 digest
UPDATE hub.quarantine SET tries = tries + 1::int2, due = now() + interval '1 minute'
WHERE bucket = $1::int4 AND tenant_id = $2::int4 AND digest = $3::uuid AND state = 2 AND due <= now() AND tries < 3
RETURNING door, pack, client, body
