-- admin: adds a client of a tenant; no row: no such tenant, or the client is there already. $1 client id, $2 orgnr, $3 scopes, $4 zone or null, $5 name, $6 sentinels
INSERT INTO hub.client (client_id, orgnr, scopes, zone, name, sentinels)
SELECT $1::text, t.orgnr, $3::int4, $4::text, $5::text, $6::text FROM hub.tenant t WHERE t.orgnr = $2::int4
ON CONFLICT DO NOTHING
RETURNING orgnr
