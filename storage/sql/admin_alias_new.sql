-- admin: another national id of a person; no row: the id is known meanwhile. $1 bucket, $2 mac, $3 home, $4 person
INSERT INTO hub.alias (mac, person_id, bucket, home) VALUES ($2::uuid, $4::int8, $1::int4, $3::int4) ON CONFLICT DO NOTHING RETURNING person_id
