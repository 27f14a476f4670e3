-- fragment: resources by their ids, begins. OFFSET 0: planned on an empty table, the subject's index would be walked to each id
SELECT o.* FROM unnest($ids::int8[]) i(id)
CROSS JOIN LATERAL (SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.val_low
FROM (SELECT y.* FROM hub.observation y WHERE y.bucket = $bucket::int4 AND y.tenant_id = $tenant::int4 AND y.id = i.id OFFSET 0) x
WHERE x.subject_id = $subject::int8 AND x.type = $type::int2
