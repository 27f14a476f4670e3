-- write: which reading of a controller has an identity key, and whether it was deleted. $1 bucket, $2 tenant, $3 key
SELECT x.id, x.subject_id, x.status = 0 FROM (SELECT k.id FROM hub.obs_key k WHERE k.bucket = $1::int4 AND k.tenant_id = $2::int4 AND k.key = $3::uuid LIMIT 1) f
CROSS JOIN LATERAL (SELECT o.id, o.subject_id, o.status FROM hub.observation o WHERE o.bucket = $1 AND o.tenant_id = $2 AND o.id = f.id LIMIT 1) x
