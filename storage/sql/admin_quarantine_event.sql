-- admin: writes down who did what with a message kept aside. To stand before a drop. $1 number, $2 what (1 looked at, 2 released, 3 dropped), $3 who, $4 why
INSERT INTO hub.quarantine_event (bucket, tenant_id, what, digest, who, why)
SELECT q.bucket, q.tenant_id, $2::int2, q.digest, $3::text, $4::text FROM hub.quarantine q WHERE substr(replace(q.digest::text, '-', ''), 1, 16) = $1::text
