-- admin: as log_insert.sql, one row, by hub_write. $1 at, microseconds since 1970, $2 tenant, $3 id, $4 person, $5 corr, $6 bucket, $7 actor, $8 op, $9 type, $10 ctx, $11 leaf and $12 body in hexadecimal
INSERT INTO hub.access_log (at, id, person_id, corr, bucket, tenant_id, actor_orgnr, op, type, outcome, classes, ctx, leaf, body)
VALUES ('epoch'::timestamptz + $1::int8 * interval '1 microsecond', $3::int8, $4::int8, $5::int8, $6::int4, $2::int4, $7::int4, $8::int2, $9::int2, 0, 0, $10::uuid,
	decode($11::text, 'hex'), decode($12::text, 'hex'))
