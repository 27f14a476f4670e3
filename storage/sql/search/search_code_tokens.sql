-- fragment: of a concept in s: every occurrence of the parameter has a value that one of its codings matches. kind 0 system and code, 1 code of any system, 2 any code of the system
AND (SELECT count(DISTINCT t.occurrence) FROM unnest($code_occurrences::int4[], $code_kinds::int2[], $code_systems::text[], $code_codes::text[]) t(occurrence, kind, system, code)
	WHERE EXISTS (SELECT FROM hub.coding k WHERE k.code_id = s.code_id AND (t.kind = 1 OR k.system = t.system) AND (t.kind = 2 OR k.code = t.code))) = $code_count::int4
