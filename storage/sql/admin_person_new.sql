-- admin: a new person with its first national id, unless that is known. $1 bucket, $2 mac, $3 encrypted national id (hexadecimal)
WITH n AS MATERIALIZED (SELECT nextval('hub.person_id') AS person_id),
	a AS (INSERT INTO hub.alias (mac, person_id, bucket, home) SELECT $2::uuid, n.person_id, $1::int4, $1::int4 FROM n
		ON CONFLICT DO NOTHING RETURNING person_id)
INSERT INTO hub.person (person_id, bucket, id_enc) SELECT a.person_id, $1::int4, decode($3::text, 'hex') FROM a
