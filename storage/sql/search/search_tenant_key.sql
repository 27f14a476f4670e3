-- fragment: readings of a controller by identifiers: the first half of their keys, begins. OFFSET 0 keeps the walk key by key
SELECT o.* FROM (SELECT DISTINCT k.bucket, k.id FROM unnest($key_lows::uuid[], $key_highs::uuid[]) r(low, high)
	CROSS JOIN LATERAL (SELECT y.bucket, y.id FROM hub.obs_key y WHERE y.tenant_id = $tenant::int4 AND y.key >= r.low AND y.key <= r.high OFFSET 0) k OFFSET 0) i
CROSS JOIN LATERAL (SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.val_low, x.bucket, x.subject_id,
	(SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.code k WHERE k.code_id = x.code)
FROM (SELECT y.* FROM hub.observation y WHERE y.bucket = i.bucket AND y.tenant_id = $tenant::int4 AND y.id = i.id OFFSET 0) x
WHERE x.recv < $horizon::timestamptz AND x.type = $type::int2
