-- fragment: h, the concepts that one of the codes asked of components is in
h(code_id) AS MATERIALIZED (SELECT DISTINCT m.code_id FROM unnest($part_kinds::int2[], $part_systems::text[], $part_codes::text[]) t(kind, system, code)
	CROSS JOIN LATERAL (SELECT k.code_id FROM hub.coding k WHERE t.kind = 0 AND k.system = t.system AND k.code = t.code
		UNION ALL SELECT k.code_id FROM hub.coding k WHERE t.kind = 1 AND k.code = t.code) m)
