-- admin: adds a block; no row: no such tenant. $1 home, $2 person, $3 controller's orgnr (0: all), $4 actor's orgnr (0: everybody), $5 code's concept (0: everything)
INSERT INTO hub.block (block_id, person_id, valid_from, bucket, tenant_id, actor_orgnr, canon)
SELECT nextval('hub.block_id'), $2::int8, date_trunc('second', now()), $1::int4, t.tenant_id, $4::int4, $5::int4
FROM (SELECT 0 AS tenant_id WHERE $3::int4 = 0 UNION ALL SELECT x.tenant_id FROM hub.tenant x WHERE x.orgnr = $3::int4) t
RETURNING block_id
