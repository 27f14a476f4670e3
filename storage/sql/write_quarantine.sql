-- write: keeps a message aside, once. $1 tenant, $2 recv, $3 bucket, $4 digest, $5 door, $6 pack, $7 client, $8 reason, $9 body
INSERT INTO hub.quarantine (recv, bucket, tenant_id, door, pack, digest, client, reason, body)
VALUES ($2::timestamptz, $3::int4, $1::int4, $5::int2, $6::int2, $4::uuid, $7::text, $8::text, $9::bytea)
ON CONFLICT (bucket, tenant_id, digest) DO NOTHING
