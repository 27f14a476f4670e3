-- fragment: g, the concepts of categories that match every occurrence of the parameter
g(code_id) AS MATERIALIZED (SELECT m.code_id FROM unnest($category_occurrences::int4[], $category_kinds::int2[], $category_systems::text[], $category_codes::text[]) t(occurrence, kind, system, code)
	CROSS JOIN LATERAL (SELECT k.code_id FROM hub.coding k WHERE t.kind = 0 AND k.system = t.system AND k.code = t.code
		UNION ALL SELECT k.code_id FROM hub.coding k WHERE t.kind = 1 AND k.code = t.code
		UNION ALL SELECT k.code_id FROM hub.coding k WHERE t.kind = 2 AND k.system = t.system) m
	GROUP BY m.code_id HAVING count(DISTINCT t.occurrence) = $category_count::int4)
