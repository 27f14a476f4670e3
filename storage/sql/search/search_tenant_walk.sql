-- fragment: s, the codes this controller has: from code to code along the index
s(code_id) AS (
	(SELECT x.code FROM hub.observation x WHERE x.tenant_id = $tenant::int4 AND x.code > 0 ORDER BY x.code LIMIT 1)
	UNION ALL
	SELECT (SELECT x.code FROM hub.observation x WHERE x.tenant_id = $tenant::int4 AND x.code > 0 AND x.code > s.code_id ORDER BY x.code LIMIT 1)
	FROM s WHERE s.code_id IS NOT NULL),
