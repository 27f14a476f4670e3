-- admin: adds a tenant; no row: it is there already. $1 orgnr, $2 name, $3 controller
INSERT INTO hub.tenant (orgnr, name, controller) VALUES ($1::int4, $2::text, $3::bool)
ON CONFLICT DO NOTHING RETURNING orgnr
