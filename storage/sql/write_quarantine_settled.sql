-- write: ends the release of a message kept aside. $1 tenant, $2 bucket, $3 digest, $4 why it is kept on; empty: it is not
UPDATE hub.quarantine SET state = CASE WHEN $4::text = '' THEN 3 ELSE 1 END, due = 'infinity', reason = CASE WHEN $4::text = '' THEN reason ELSE $4::text END
WHERE bucket = $2::int4 AND tenant_id = $1::int4 AND digest = $3::uuid AND state = 2
