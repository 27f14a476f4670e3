-- fragment: of a reading: a component, or where part_own says so the reading itself, has a code in h; with a value that meets the one asked for, if one is. Wider than the question, which fhir/match.h decides. IS TRUE and OFFSET 0 keep it a look-up in a hash of the walk along term_code
AND (($part_own::bool AND x.code IN (SELECT h.code_id FROM h) AND (NOT $part_values::bool OR (x.val_high >= $part_from::float8 AND x.val_low <= $part_to::float8)))
	OR x.id IN (SELECT p.id FROM h CROSS JOIN LATERAL (SELECT y.id FROM hub.term y WHERE y.bucket = $bucket::int4 AND y.tenant_id = $tenant::int4 AND y.subject_id = $subject::int8 AND y.code = h.code_id
		AND (NOT $part_values::bool OR (y.val_high >= $part_from::float8 AND y.val_low <= $part_to::float8)) OFFSET 0) p)) IS TRUE
