-- write: more keys of readings that are there. $1 tenant, arrays ordered by (bucket, key): $2 id, $3 bucket, $4 key
INSERT INTO hub.obs_key (id, bucket, tenant_id, key)
SELECT u.id, u.bucket, $1::int4, u.key FROM unnest($2::int8[], $3::int4[], $4::uuid[]) u(id, bucket, key)
ON CONFLICT (bucket, tenant_id, key) DO NOTHING
