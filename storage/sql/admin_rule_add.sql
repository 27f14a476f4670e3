-- admin: adds a rule; no row: one of the two is no tenant. $1 controller's orgnr, $2 reader's orgnr, $3 class, $4 purpose, $5 canon (0: all), $6 from and $7 to, microseconds since 1970 or null (from now, for ever)
INSERT INTO hub.rule (tenant_id, reader, class, purpose, canon, valid_from, valid_to)
SELECT t.tenant_id, r.tenant_id, $3::int2, $4::int2, $5::int4,
	coalesce('epoch'::timestamptz + $6::int8 * interval '1 microsecond', date_trunc('second', now())),
	coalesce('epoch'::timestamptz + $7::int8 * interval '1 microsecond', 'infinity')
FROM hub.tenant t, hub.tenant r WHERE t.orgnr = $1::int4 AND t.controller AND r.orgnr = $2::int4
RETURNING rule_id
