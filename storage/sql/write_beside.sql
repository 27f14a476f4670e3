-- write: which readings were kept beside another before. $1 tenant, arrays: $2 id of the reading, $3 bucket, $4 the key it would have beside another
SELECT u.id FROM unnest($2::int8[], $3::int4[], $4::uuid[]) u(id, bucket, key)
CROSS JOIN LATERAL (SELECT x.id FROM hub.obs_key x WHERE x.bucket = u.bucket AND x.tenant_id = $1::int4 AND x.key = u.key LIMIT 1) k
