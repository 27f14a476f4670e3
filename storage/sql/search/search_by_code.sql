-- fragment: readings of the codes in c, one walk a code, begins. The type is a parameter so that the index observation_new, of type 1 alone, cannot be taken
SELECT o.* FROM c CROSS JOIN LATERAL (SELECT x.id, x.version, x.time_low, x.recv, x.class, x.code, x.pack, x.body, x.val_low FROM hub.observation x
WHERE x.bucket = $bucket::int4 AND x.tenant_id = $tenant::int4 AND x.subject_id = $subject::int8 AND x.code = c.code_id AND x.type = $type::int2
