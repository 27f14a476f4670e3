-- fragment: readings by their ids, begins
SELECT o.* FROM unnest($ids::int8[]) i(id) CROSS JOIN LATERAL (SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body FROM hub.observation x
WHERE x.bucket = $bucket::int4 AND x.tenant_id = $tenant::int4 AND x.id = i.id AND x.subject_id = $subject::int8 AND x.type = 1
