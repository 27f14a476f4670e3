-- resolve: persons of national ids, those they are joined with, and what controllers know them as. $1 buckets, $2 macs; i tells which. LATERAL .. OFFSET 0 keeps the walk id by id, whatever the statistics say
SELECT u.i, p.home, p.person_id, s.tenant_id, s.subject_id
FROM unnest($1::int4[], $2::uuid[]) WITH ORDINALITY u(bucket, mac, i)
CROSS JOIN LATERAL (SELECT x.home, x.person_id FROM hub.alias x WHERE x.bucket = u.bucket AND x.mac = u.mac OFFSET 0) a
CROSS JOIN LATERAL (SELECT a.home, a.person_id
	UNION ALL SELECT l.to_home, l.to_person FROM hub.person_link l WHERE l.bucket = a.home AND l.person_id = a.person_id OFFSET 0) p
LEFT JOIN LATERAL (SELECT x.tenant_id, x.subject_id FROM hub.subject x WHERE x.bucket = p.home AND x.person_id = p.person_id OFFSET 0) s ON true
