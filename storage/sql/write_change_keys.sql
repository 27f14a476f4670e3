-- write: the keys of a row that was changed, those it has aside; another row's fails with unique_violation, and the group is tried again. $1 bucket, $2 tenant, $3 id, $4 keys, ordered. LIMIT: planned on an empty table, all keys of the tenant would be walked for each change
INSERT INTO hub.obs_key (id, bucket, tenant_id, key)
SELECT $3::int8, $1::int4, $2::int4, u.key FROM unnest($4::uuid[]) u(key)
LEFT JOIN LATERAL (SELECT x.id FROM hub.obs_key x WHERE x.bucket = $1 AND x.tenant_id = $2 AND x.key = u.key LIMIT 1) x ON true
WHERE x.id IS DISTINCT FROM $3
