-- fragment: what a controller holds of a type that is no reading, of all its patients, in the order it came, before the poll horizon, begins. The condition on the type that always holds opens the index
SELECT o.*, (SELECT CASE k.canon WHEN 0 THEN k.code_id ELSE k.canon END FROM hub.code k WHERE k.code_id = o.code)
FROM (SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.val_low, x.bucket, x.subject_id
FROM hub.observation x WHERE x.tenant_id = $tenant::int4 AND x.type <> 1 AND x.type = $type::int2 AND x.recv < $horizon::timestamptz
