-- admin: the persons a national id leads to, those they are joined with too; no row: nobody. $1 bucket, $2 mac
SELECT p.home, p.person_id FROM (SELECT x.home, x.person_id FROM hub.alias x WHERE x.bucket = $1::int4 AND x.mac = $2::uuid) a
CROSS JOIN LATERAL (SELECT a.home, a.person_id UNION ALL SELECT l.to_home, l.to_person FROM hub.person_link l WHERE l.bucket = a.home AND l.person_id = a.person_id) p
