-- write: which reading of a controller has an identity key, whether it was deleted, and its version. $1 bucket, $2 tenant, $3 key
SELECT x.id, x.subject_id, x.status = 0, x.version FROM (SELECT k.id FROM hub.obs_key k WHERE k.bucket = $1::int4 AND k.tenant_id = $2::int4 AND k.key = $3::uuid LIMIT 1) f
CROSS JOIN LATERAL (SELECT o.id, o.subject_id, o.status, o.version FROM hub.observation o WHERE o.bucket = $1 AND o.tenant_id = $2 AND o.id = f.id LIMIT 1) x
