-- fragment: all resources of a subject of a type that has no index of its own
SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.val_low FROM hub.observation x
WHERE x.bucket = $bucket::int4 AND x.tenant_id = $tenant::int4 AND x.subject_id = $subject::int8 AND x.type = $type::int2
