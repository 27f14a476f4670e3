-- admin: joins two persons and all they are joined with: a row for each ordered pair. $1 home, $2 person, $3 home, $4 person
WITH a AS MATERIALIZED (SELECT $1::int4 AS home, $2::int8 AS person_id
		UNION SELECT l.to_home, l.to_person FROM hub.person_link l WHERE l.bucket = $1::int4 AND l.person_id = $2::int8),
	b AS MATERIALIZED (SELECT $3::int4 AS home, $4::int8 AS person_id
		UNION SELECT l.to_home, l.to_person FROM hub.person_link l WHERE l.bucket = $3::int4 AND l.person_id = $4::int8),
	p AS (SELECT a.home, a.person_id, b.home AS to_home, b.person_id AS to_person FROM a, b
		UNION SELECT b.home, b.person_id, a.home, a.person_id FROM a, b)
INSERT INTO hub.person_link (bucket, person_id, to_home, to_person)
SELECT p.home, p.person_id, p.to_home, p.to_person FROM p WHERE (p.home, p.person_id) <> (p.to_home, p.to_person)
ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING
