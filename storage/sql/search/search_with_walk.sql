-- fragment: s, the codes this subject has: from code to code along the index, so cost goes with the number of codes, not of readings
s(code_id) AS (
	(SELECT x.code FROM hub.observation x WHERE x.bucket = $bucket::int4 AND x.tenant_id = $tenant::int4 AND x.subject_id = $subject::int8 ORDER BY x.code LIMIT 1)
	UNION ALL
	SELECT (SELECT x.code FROM hub.observation x WHERE x.bucket = $bucket::int4 AND x.tenant_id = $tenant::int4 AND x.subject_id = $subject::int8 AND x.code > s.code_id ORDER BY x.code LIMIT 1)
	FROM s WHERE s.code_id IS NOT NULL),
