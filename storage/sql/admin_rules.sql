-- admin: all rules, revoked ones too; times in microseconds since 1970, null where infinite.
SELECT r.rule_id, t.orgnr, q.orgnr, r.class, r.purpose, coalesce(k.concept, ''),
	CASE WHEN isfinite(r.valid_from) THEN (extract(epoch FROM r.valid_from) * 1000000)::int8 END,
	CASE WHEN isfinite(r.valid_to) THEN (extract(epoch FROM r.valid_to) * 1000000)::int8 END,
	(r.valid_to <= now())::int4
FROM hub.rule r JOIN hub.tenant t ON t.tenant_id = r.tenant_id JOIN hub.tenant q ON q.tenant_id = r.reader LEFT JOIN hub.code k ON k.code_id = r.canon
ORDER BY r.rule_id
