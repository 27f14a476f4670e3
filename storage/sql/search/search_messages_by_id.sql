-- fragment: y, named readings of a subject
SELECT z.* FROM unnest($ids::int8[]) i(id)
CROSS JOIN LATERAL (SELECT w.* FROM hub.observation w WHERE w.bucket = $bucket::int4 AND w.tenant_id = $tenant::int4 AND w.id = i.id OFFSET 0) z
WHERE z.subject_id = $subject::int8 AND z.type = 1
