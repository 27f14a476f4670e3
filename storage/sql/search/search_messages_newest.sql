-- fragment: y, all readings of a subject
SELECT z.* FROM hub.observation z WHERE z.bucket = $bucket::int4 AND z.tenant_id = $tenant::int4 AND z.subject_id = $subject::int8 AND z.type = 1
