-- fragment: readings of a controller, of all its patients, of the codes in c, one walk a code, begins. The condition that always holds opens the index
SELECT o.* FROM c CROSS JOIN LATERAL (SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.val_low, x.bucket, x.subject_id,
	(SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.code k WHERE k.code_id = x.code)
FROM hub.observation x WHERE x.tenant_id = $tenant::int4 AND x.code = c.code_id AND x.code > 0 AND x.recv < $horizon::timestamptz AND x.type = $type::int2
